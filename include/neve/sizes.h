// Sizes: the dimensions or strides of a tensor; up to six stand in place, without allocation.
#pragma once
#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <vector>

namespace neve {

/// A vector of int64_t with std::vector's interface, as far as sizes need it. Converts from and to
/// std::vector<int64_t>; allocates only beyond six elements.
class Sizes {
 public:
  using value_type = int64_t;
  using size_type = size_t;
  using difference_type = std::ptrdiff_t;
  using reference = int64_t&;
  using const_reference = const int64_t&;
  using iterator = int64_t*;
  using const_iterator = const int64_t*;
  using reverse_iterator = std::reverse_iterator<iterator>;
  using const_reverse_iterator = std::reverse_iterator<const_iterator>;

  Sizes() noexcept : data_(inline_) {}
  explicit Sizes(size_t n, int64_t value = 0) : Sizes() { resize(n, value); }
  Sizes(std::initializer_list<int64_t> v) : Sizes() { copy(v.begin(), v.size()); }
  Sizes(const std::vector<int64_t>& v) : Sizes() { copy(v.data(), v.size()); }  // NOLINT: implicit on purpose
  explicit Sizes(std::span<const int64_t> v) : Sizes() { copy(v.data(), v.size()); }
  template <std::input_iterator It>
  Sizes(It first, It last) : Sizes() {
    for (; first != last; ++first) push_back(static_cast<int64_t>(*first));
  }
  Sizes(const Sizes& o) : Sizes() { copy(o.data_, o.size_); }
  Sizes(Sizes&& o) noexcept : Sizes() { take(o); }
  Sizes& operator=(const Sizes& o) {
    if (this != &o) copy(o.data_, o.size_);
    return *this;
  }
  Sizes& operator=(Sizes&& o) noexcept {
    if (this != &o) {
      release();
      take(o);
    }
    return *this;
  }
  Sizes& operator=(std::initializer_list<int64_t> v) {
    copy(v.begin(), v.size());
    return *this;
  }
  ~Sizes() { release(); }
  operator std::vector<int64_t>() const { return {begin(), end()}; }  // NOLINT: implicit on purpose

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }
  int64_t* data() { return data_; }
  const int64_t* data() const { return data_; }
  int64_t& operator[](size_t i) { return data_[i]; }
  const int64_t& operator[](size_t i) const { return data_[i]; }
  int64_t& front() { return data_[0]; }
  const int64_t& front() const { return data_[0]; }
  int64_t& back() { return data_[size_ - 1]; }
  const int64_t& back() const { return data_[size_ - 1]; }
  iterator begin() { return data_; }
  iterator end() { return data_ + size_; }
  const_iterator begin() const { return data_; }
  const_iterator end() const { return data_ + size_; }
  const_iterator cbegin() const { return begin(); }
  const_iterator cend() const { return end(); }
  reverse_iterator rbegin() { return reverse_iterator(end()); }
  reverse_iterator rend() { return reverse_iterator(begin()); }
  const_reverse_iterator rbegin() const { return const_reverse_iterator(end()); }
  const_reverse_iterator rend() const { return const_reverse_iterator(begin()); }

  void clear() { size_ = 0; }
  void reserve(size_t n) {
    if (n > capacity_) grow(n);
  }
  void resize(size_t n, int64_t value = 0) {
    reserve(n);
    for (size_t i = size_; i < n; ++i) data_[i] = value;
    size_ = uint32_t(n);
  }
  void assign(size_t n, int64_t value) {
    clear();
    resize(n, value);
  }
  template <std::input_iterator It>
  void assign(It first, It last) {
    *this = Sizes(first, last);
  }
  void push_back(int64_t v) {
    if (size_ == capacity_) grow(size_ + 1);
    data_[size_++] = v;
  }
  int64_t& emplace_back(int64_t v) {
    push_back(v);
    return back();
  }
  void pop_back() { --size_; }
  iterator insert(const_iterator at, int64_t v) { return insert(at, size_t(1), v); }
  iterator insert(const_iterator at, size_t n, int64_t v) {
    int64_t* p = gap(at, n);
    std::fill(p, p + n, v);
    return p;
  }
  iterator insert(const_iterator at, std::initializer_list<int64_t> v) { return insert(at, v.begin(), v.end()); }
  template <std::forward_iterator It>
  iterator insert(const_iterator at, It first, It last) {
    const Sizes added(first, last);  // may be part of this one
    int64_t* p = gap(at, added.size());
    std::copy(added.begin(), added.end(), p);
    return p;
  }
  iterator erase(const_iterator at) { return erase(at, at + 1); }
  iterator erase(const_iterator first, const_iterator last) {
    int64_t* p = data_ + (first - data_);
    std::copy(last, const_iterator(end()), p);
    size_ -= uint32_t(last - first);
    return p;
  }
  void swap(Sizes& o) noexcept {
    Sizes t(std::move(o));
    o = std::move(*this);
    *this = std::move(t);
  }

  friend bool operator==(const Sizes& a, const Sizes& b) {
    return a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin());
  }
  friend auto operator<=>(const Sizes& a, const Sizes& b) {
    return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
  }
  friend bool operator==(const Sizes& a, const std::vector<int64_t>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  static constexpr uint32_t in_place = 6;
  void copy(const int64_t* from, size_t n) {
    reserve(n);
    if (n) std::memmove(data_, from, n * sizeof(int64_t));
    size_ = uint32_t(n);
  }
  void take(Sizes& o) noexcept {  // this one holds nothing
    if (o.data_ != o.inline_) {
      data_ = o.data_, capacity_ = o.capacity_;
      o.data_ = o.inline_, o.capacity_ = in_place;
    } else {
      std::memcpy(inline_, o.inline_, sizeof inline_);
    }
    size_ = o.size_;
    o.size_ = 0;
  }
  void release() noexcept {
    if (data_ != inline_) delete[] data_;
    data_ = inline_, capacity_ = in_place, size_ = 0;
  }
  void grow(size_t n) {
    const size_t wanted = std::max(n, size_t(capacity_) * 2);
    int64_t* p = new int64_t[wanted];
    std::copy(begin(), end(), p);
    const uint32_t kept = size_;
    release();
    data_ = p, capacity_ = uint32_t(wanted), size_ = kept;
  }
  int64_t* gap(const_iterator at, size_t n) {
    const size_t i = size_t(at - data_);
    resize(size_ + n);
    std::move_backward(data_ + i, end() - n, end());
    return data_ + i;
  }

  int64_t* data_;
  uint32_t size_ = 0, capacity_ = in_place;
  int64_t inline_[in_place] = {};
};

/// "[1, 3, 224, 224]"
std::string to_string(const Sizes& s);

}  // namespace neve
