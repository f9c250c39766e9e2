// Measuring what this machine reaches at most.
#pragma once
#include <neve/machine.h>

#include "base/cpu.h"

namespace neve::kernels {

/// Best of many short bursts, with the vector code of `isa`. About half a second, and up to 256 MiB for its time.
/// `measured` stays empty. May throw Error{cancelled} (check_interrupt) or Error{out_of_memory}.
MachinePeak measure_machine(int threads, Isa isa);

}  // namespace neve::kernels
