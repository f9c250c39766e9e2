// Arrays to tensors and back.
#include "convert.h"

#include <nanobind/stl/string.h>

namespace neve::python {

// ---- arrays -----------------------------------------------------------------------------------------------------

bool dtype_from(nb::dlpack::dtype t, DType& out) {
  using code = nb::dlpack::dtype_code;
  auto is = [&](code c, int bits) { return t.code == uint8_t(c) && t.bits == bits && t.lanes == 1; };
  constexpr struct {
    code c;
    int bits;
    DType dtype;
  } table[] = {{code::Float, 64, DType::f64},   {code::Float, 32, DType::f32},   {code::Bfloat, 16, DType::bf16},
               {code::Float, 16, DType::f16},   {code::Int, 64, DType::i64},     {code::Int, 32, DType::i32},
               {code::Int, 16, DType::i16},     {code::Int, 8, DType::i8},       {code::UInt, 8, DType::u8},
               {code::UInt, 16, DType::u16},    {code::UInt, 32, DType::u32},    {code::UInt, 64, DType::u64},
               {code::Bool, 8, DType::boolean}, {code::Complex, 64, DType::c64}, {code::Complex, 128, DType::c128}};
  for (const auto& e : table)
    if (is(e.c, e.bits)) {
      out = e.dtype;
      return true;
    }
  return false;
}

nb::dlpack::dtype dtype_to(DType t) {
  using code = nb::dlpack::dtype_code;
  const code c = t == DType::bf16      ? code::Bfloat
                 : is_float(t)         ? code::Float
                 : is_complex(t)       ? code::Complex
                 : t == DType::boolean ? code::Bool
                 : is_signed_int(t)    ? code::Int
                                       : code::UInt;
  return {uint8_t(c), uint8_t(size_of(t) * 8), 1};
}

/// A view of the array's memory; `hold` keeps it alive. Numbers and lists go through numpy.asarray.
Tensor tensor_from(nb::handle h, std::vector<AnyArray>& hold, const char* what) {
  if (const Tensor* known = as_known(h)) return *known;
  AnyArray a;
  if (!nb::try_cast(h, a)) {
    // NumPy knows bfloat16 only as ml_dtypes' extension, which no buffer protocol carries: its bits do.
    if (nb::hasattr(h, "dtype") && nb::hasattr(h, "view")) {
      const nb::object name = nb::steal(PyObject_Str(nb::object(h.attr("dtype")).ptr()));
      if (nb::cast<std::string>(name) == "bfloat16") {
        const Tensor bits = tensor_from(nb::object(h.attr("view")("uint16")), hold, what);
        return Tensor::view(bits.storage(), DType::bf16, bits.shape(), bits.strides(), bits.byte_offset());
      }
    }
    nb::object converted;
    try {
      converted = nb::module_::import_("numpy").attr("asarray")(h);
    } catch (nb::python_error&) {
    }
    if (!converted.is_valid() || !nb::try_cast(converted, a)) {
      const std::string name = nb::cast<std::string>(nb::str(h.type().attr("__name__")));
      throw Error(ErrorCode::type_mismatch,
                  std::string(what) + ": a value of type " + name +
                      " was given (an array in CPU memory would be right: NumPy, or anything with DLPack)");
    }
  }
  DType dtype;
  if (!dtype_from(a.dtype(), dtype))
    throw Error(ErrorCode::type_mismatch, std::string(what) + ": an array has an element type that Neve does not know");
  Sizes shape, strides;
  int64_t low = 0, high = 0;
  bool empty = false;
  for (size_t i = 0; i < a.ndim(); ++i) {
    shape.push_back(int64_t(a.shape(i)));
    strides.push_back(a.stride(i));
    empty = empty || shape[i] == 0;
    if (shape[i] > 1) (strides[i] < 0 ? low : high) += (shape[i] - 1) * strides[i];
  }
  const int64_t n = size_of(dtype);
  std::byte* base = static_cast<std::byte*>(const_cast<void*>(a.data())) + low * n;
  auto storage = Storage::wrap(base, empty ? 0 : size_t((high - low + 1) * n), [] {}, false);
  hold.push_back(std::move(a));
  if (empty) return Tensor::empty(dtype, shape);
  return Tensor::view(std::move(storage), dtype, std::move(shape), std::move(strides), -low * n);
}

Tensor* as_known(nb::handle h) {
  Tensor* t = nullptr;
  return nb::try_cast(h, t) ? t : nullptr;
}

bool whole(nb::handle h, int64_t least, int64_t& v) {
  if (!PyLong_CheckExact(h.ptr())) return false;
  v = PyLong_AsLongLong(h.ptr());
  if (v != -1 || !PyErr_Occurred()) return v >= least;
  PyErr_Clear();
  return false;
}

nb::object array_from(const Tensor& t) {
  if (t.dtype() == DType::bf16) {
    const nb::object bits = array_from(Tensor::view(t.storage(), DType::u16, t.shape(), t.strides(), t.byte_offset()));
    return bits.attr("view")(nb::module_::import_("ml_dtypes").attr("bfloat16"));
  }
  Tensor* kept = new Tensor(t);
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<Tensor*>(p); });
  std::vector<size_t> shape(t.shape().begin(), t.shape().end());
  nb::ndarray<nb::numpy> a(t.data() ? static_cast<void*>(t.data()) : static_cast<void*>(kept), shape.size(),
                           shape.data(), owner, t.strides().data(), dtype_to(t.dtype()));
  return nb::cast(a, nb::rv_policy::reference);
}

}  // namespace neve::python
