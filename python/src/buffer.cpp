// Python's buffer protocol: memoryview(tensor) and what stands on it, over the tensor's own memory.
#include "convert.h"

namespace neve::python {
namespace {

const char* format_of(DType t) {
  switch (t) {
    case DType::f64:
      return "d";
    case DType::f32:
      return "f";
    case DType::f16:
      return "e";
    case DType::i64:
      return "q";
    case DType::i32:
      return "i";
    case DType::i16:
      return "h";
    case DType::i8:
      return "b";
    case DType::u64:
      return "Q";
    case DType::u32:
      return "I";
    case DType::u16:
      return "H";
    case DType::u8:
      return "B";
    case DType::boolean:
      return "?";
    default:
      return nullptr;
  }
}

/// What a view points to, until it is released.
struct Held {
  Tensor tensor;
  std::vector<Py_ssize_t> shape, strides;
};

int refuse(Py_buffer* view, const std::string& why) {
  view->obj = nullptr;
  PyErr_SetString(PyExc_BufferError, why.c_str());
  return -1;
}

int fill(PyObject* self, Py_buffer* view, int flags) {
  const Tensor& t = *nb::inst_ptr<Tensor>(self);
  const char* format = format_of(t.dtype());
  if (!format) return refuse(view, "buffer: " + type_text(t) + " has a dtype that Python does not know");
  if (t.requires_grad() && is_grad_enabled())
    return refuse(view, "buffer: " + type_text(t) + " takes part in gradients (detach() first)");
  if ((flags & PyBUF_WRITABLE) && !t.storage()->writable())
    return refuse(view, "buffer: " + type_text(t) + " is read-only");
  if (!(flags & PyBUF_STRIDES & ~PyBUF_ND) && !t.is_contiguous())
    return refuse(view, "buffer: " + type_text(t) + " is not contiguous (contiguous() first)");
  if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && t.rank() > 1)
    return refuse(view, "buffer: " + type_text(t) + " is not in Fortran's order");
  if ((flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS && !t.is_contiguous())
    return refuse(view, "buffer: " + type_text(t) + " is not contiguous (contiguous() first)");
  auto* held = new Held{t.detach(), {}, {}};
  const Py_ssize_t item = Py_ssize_t(size_of(t.dtype()));
  for (size_t i = 0; i < size_t(t.rank()); ++i) {
    held->shape.push_back(Py_ssize_t(t.shape()[i]));
    held->strides.push_back(Py_ssize_t(t.strides()[i]) * item);
  }
  view->buf = t.data();
  Py_INCREF(self);
  view->obj = self;
  view->len = Py_ssize_t(t.bytes());
  view->itemsize = item;
  view->readonly = !t.storage()->writable();
  view->ndim = int(t.rank());
  view->format = flags & PyBUF_FORMAT ? const_cast<char*>(format) : nullptr;
  view->shape = flags & PyBUF_ND ? held->shape.data() : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? held->strides.data() : nullptr;
  view->suboffsets = nullptr;
  view->internal = held;
  return 0;
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  try {
    return fill(self, view, flags);
  } catch (const std::exception& error) {  // e.g. a tensor without values, in capture
    return refuse(view, error.what());
  }
}

void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<Held*>(view->internal); }

}  // namespace

PyType_Slot* buffer_slots() {
  static PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
                                {Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)},
                                {0, nullptr}};
  return slots;
}

}  // namespace neve::python
