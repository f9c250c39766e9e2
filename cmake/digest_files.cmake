# cmake -DFILES=a,b,... -DOUT=f -P digest_files.cmake: writes a C++ file whose function gives the SHA-256 of the files' contents.
string(REPLACE "," ";" files "${FILES}")
set(digests "")
foreach(file ${files})
  file(SHA256 ${file} digest)
  string(APPEND digests "${digest}")
endforeach()
string(SHA256 all "${digests}")
string(SUBSTRING ${all} 0 16 all)
file(CONFIGURE OUTPUT ${OUT} CONTENT "// Written by cmake/digest_files.cmake.
#include \"loop/llvm/object.h\"
namespace neve::loop {
const char* generator_digest() { return \"${all}\"; }
}  // namespace neve::loop
" @ONLY)
