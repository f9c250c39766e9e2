// All of Neve's public interface.
#pragma once
#include <neve/amp.h>
#include <neve/array.h>
#include <neve/autograd.h>
#include <neve/data.h>
#include <neve/dtype.h>
#include <neve/engine.h>
#include <neve/error.h>
#include <neve/functions.h>
#include <neve/losses.h>
#include <neve/models.h>
#include <neve/module.h>
#include <neve/nn.h>
#include <neve/ops.h>
#include <neve/optim.h>
#include <neve/sequence.h>
#include <neve/tensor.h>
