// Products of f32 by tiles of bf16 (AMX): every number is cut into a sum of two or three bf16, and what is large enough
// of the products of their parts is added up in f32.
#pragma once
#include <cstdint>

namespace neve::kernels::native {

constexpr int64_t tile_rows = 16, tile_depth = 32;  ///< positions of a row of bf16
constexpr int64_t tile_elements = tile_rows * tile_depth;
constexpr int64_t block_side = 2 * tile_rows;  ///< rows and columns whose sums are in registers

/// What a block of 32 rows, or a panel of 32 columns, has for 32 positions: [parts, 2 tiles].
constexpr int64_t block_elements(int parts) { return parts * 2 * tile_elements; }

/// Products of a block of 32 rows and panels of 32 columns.
struct TileProducts {
  int parts;          ///< of every number: 2 (three products) or 3 (six)
  const uint16_t* a;  ///< [depth, block]
  const uint16_t* b;  ///< [panels], `b_panel` elements apart: [depth, panel]
  int64_t b_panel;
  int64_t panels, depth;  ///< of 32 columns, of 32 positions
  bool add;               ///< to what is there
  float* c;               ///< [32, panels * 32], rows at c_stride
  int64_t c_stride;
  /// Lines [next_begin, next_end) of those for 32 positions of what is multiplied with next, laid out as `b`: fetched
  /// meanwhile.
  const uint16_t* next_b;
  int64_t next_begin, next_end;
  /// Rows that are read and written when these products are done, fetched meanwhile: [rows, panels * 32], rows at
  /// `y_stride`; null: none.
  const float *residual, *y;
  int64_t y_rows, y_stride;
};
constexpr int64_t lines_of_block(int parts) { return block_elements(parts) * int64_t(sizeof(uint16_t)) / 64; }

/// Rows [0, rows), at most 32, of k positions each, as a block; zeros behind them.
void split_rows_amx(const float* x, int64_t stride, int64_t rows, int64_t k, int parts, uint16_t* block);
/// Columns [0, columns), at most 32, of k rows at `stride`, as a panel; zeros behind them.
void split_columns_amx(const float* w, int64_t stride, int64_t columns, int64_t k, int parts, uint16_t* panel);
/// Sets the tiles up in this thread, and takes them down.
void begin_tiles_amx();
void end_tiles_amx();
void tile_products_amx(const TileProducts& p);

}  // namespace neve::kernels::native
