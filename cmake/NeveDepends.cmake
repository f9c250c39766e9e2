# The libraries Neve stands on. System packages come from apt, oneDNN and the ONNX schema from Python wheels (./dev setup installs both).
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Eigen3 3.3 REQUIRED NO_MODULE)

# oneDNN: a wheel in the build's Python, or whatever dnnl_DIR or CMAKE_PREFIX_PATH names.
if(NOT EXISTS "${dnnl_DIR}")
  neve_python_file(dnnl_config onednn-devel-cpu-gomp dnnl-config.cmake)
  if(dnnl_config)
    cmake_path(GET dnnl_config PARENT_PATH dnnl_DIR)
  endif()
endif()
find_package(dnnl 3.2 CONFIG QUIET)
if(NOT dnnl_FOUND)
  message(FATAL_ERROR "oneDNN >= 3.2 was not found: run ./dev setup, or name its folder with -Ddnnl_DIR=...")
endif()

if(NEVE_LLVM)
  find_package(LLVM 19.1 CONFIG QUIET HINTS /usr/lib/llvm-19)
  if(NOT LLVM_FOUND)
    message(FATAL_ERROR "LLVM 19 was not found: run ./dev setup (apt package llvm-19-dev), or configure with -DNEVE_LLVM=OFF")
  endif()
endif()

# Protobuf lite, shared: Debian's archive is not position-independent. The schema's own symbols stay inside (neve.map).
find_package(Protobuf REQUIRED)
if(NOT TARGET protobuf::libprotobuf-lite OR NOT TARGET protobuf::protoc)
  message(FATAL_ERROR "protobuf-lite or protoc was not found: run ./dev setup (apt packages libprotobuf-dev, protobuf-compiler)")
endif()

# By hand: Debian's libzip-config.cmake insists on the programs zipcmp and zipmerge, which libzip-dev does not bring.
find_library(NEVE_LIBZIP zip REQUIRED)
find_path(NEVE_LIBZIP_INCLUDE zip.h REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
