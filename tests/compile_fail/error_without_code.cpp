// An error is made from a code of the list, not from a number.
// expect: no matching
#include <neve/error.h>

#ifdef MISUSE
neve::Error made() { return neve::Error(3, "size: 3 is too much (at most 2)"); }
#else
neve::Error made() { return neve::Error(neve::ErrorCode::not_found, "input 'x' is not there (inputs: 'y')"); }
#endif
