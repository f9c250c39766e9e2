# The ONNX schema: taken from the onnx wheel of the build (or NEVE_ONNX_PROTO), renamed to package neve_onnx, compiled by protoc.
# The new name and the hidden symbols keep it apart from another onnx that the process may have loaded (Python's, say).
if(NOT EXISTS "${NEVE_ONNX_PROTO}")
  neve_python_file(neve_onnx_proto onnx onnx-ml.proto)
  set(NEVE_ONNX_PROTO "${neve_onnx_proto}" CACHE FILEPATH "onnx-ml.proto of a current ONNX" FORCE)
endif()
if(NOT EXISTS "${NEVE_ONNX_PROTO}")
  message(FATAL_ERROR "onnx-ml.proto was not found: run ./dev setup, or name the file with -DNEVE_ONNX_PROTO=...")
endif()
set(proto_dir ${NEVE_GENERATED}/proto)
file(MAKE_DIRECTORY ${proto_dir})
set(NEVE_ONNX_SOURCE ${proto_dir}/neve_onnx.pb.cc)
add_custom_command(
  OUTPUT ${proto_dir}/neve_onnx.pb.cc ${proto_dir}/neve_onnx.pb.h
  COMMAND sed "s/^package onnx;/package neve_onnx;/" ${NEVE_ONNX_PROTO} > ${proto_dir}/neve_onnx.proto
  COMMAND protobuf::protoc --proto_path=${proto_dir} --cpp_out=${proto_dir} ${proto_dir}/neve_onnx.proto
  DEPENDS ${NEVE_ONNX_PROTO} VERBATIM COMMENT "protoc: the ONNX schema")
set_source_files_properties(${NEVE_ONNX_SOURCE} PROPERTIES GENERATED ON COMPILE_OPTIONS -w)
