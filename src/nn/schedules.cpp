// Schedules of the learning rate: functions of the step.
#include <neve/optim.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"

namespace neve::optim {

Schedule::Schedule(Optimizer& optimiser) : optimiser_(&optimiser) {
  for (size_t g = 0; g < optimiser.groups(); ++g) base_.push_back(optimiser.lr(g));
}
void Schedule::step(int64_t t) {
  at_ = t;
  for (size_t g = 0; g < base_.size(); ++g) optimiser_->set_lr(g, rate(base_[g], t));
}

namespace {
void check_steps(const char* call, int64_t n) {
  if (n <= 0) fail(ErrorCode::invalid_argument, call, ": the number of steps is ", n, " (1 or more)");
}
}  // namespace

StepLR::StepLR(Optimizer& optimiser, int64_t every, double gamma) : Schedule(optimiser), every_(every), gamma_(gamma) {
  check_steps("StepLR", every);
  step(0);
}
double StepLR::rate(double base, int64_t t) const {
  const int64_t times = t / every_;
  return base * std::pow(gamma_, double(times));
}

CosineLR::CosineLR(Optimizer& optimiser, int64_t steps, double least)
    : Schedule(optimiser), steps_(steps), least_(least) {
  check_steps("CosineLR", steps);
  step(0);
}
double CosineLR::rate(double base, int64_t t) const {
  return least_ + (base - least_) * (1 + std::cos(std::numbers::pi * double(t) / double(steps_))) / 2;
}

LinearLR::LinearLR(Optimizer& optimiser, int64_t steps, double start, double end)
    : Schedule(optimiser), steps_(steps), start_(start), end_(end) {
  check_steps("LinearLR", steps);
  step(0);
}
double LinearLR::rate(double base, int64_t t) const {
  return base * (start_ + (end_ - start_) * double(std::min(t, steps_)) / double(steps_));
}

LambdaLR::LambdaLR(Optimizer& optimiser, std::function<double(int64_t)> factor)
    : Schedule(optimiser), factor_(std::move(factor)) {
  if (!factor_) fail(ErrorCode::invalid_argument, "LambdaLR: the function is empty (a function of the step)");
  step(0);
}

MultiStepLR::MultiStepLR(Optimizer& optimiser, std::vector<int64_t> milestones, double gamma)
    : Schedule(optimiser), milestones_(std::move(milestones)), gamma_(gamma) {
  std::sort(milestones_.begin(), milestones_.end());
  step(0);
}
double MultiStepLR::rate(double base, int64_t t) const {
  const auto reached = std::upper_bound(milestones_.begin(), milestones_.end(), t) - milestones_.begin();
  return base * std::pow(gamma_, double(reached));
}

ConstantLR::ConstantLR(Optimizer& optimiser, double factor, int64_t steps)
    : Schedule(optimiser), factor_(factor), steps_(steps) {
  if (!(factor >= 0 && factor <= 1))
    fail(ErrorCode::invalid_argument, "ConstantLR: factor is ", factor, " (from 0 to 1)");
  step(0);
}

ExponentialLR::ExponentialLR(Optimizer& optimiser, double gamma) : Schedule(optimiser), gamma_(gamma) { step(0); }
double ExponentialLR::rate(double base, int64_t t) const { return base * std::pow(gamma_, double(t)); }

PolynomialLR::PolynomialLR(Optimizer& optimiser, int64_t steps, double power)
    : Schedule(optimiser), steps_(steps), power_(power) {
  check_steps("PolynomialLR", steps);
  step(0);
}
double PolynomialLR::rate(double base, int64_t t) const {
  return base * std::pow(1 - double(std::min(t, steps_)) / double(steps_), power_);
}

CosineWarmRestartsLR::CosineWarmRestartsLR(Optimizer& optimiser, int64_t first, int64_t times, double least)
    : Schedule(optimiser), first_(first), times_(times), least_(least) {
  check_steps("CosineWarmRestartsLR", first);
  check_steps("CosineWarmRestartsLR", times);
  step(0);
}
double CosineWarmRestartsLR::rate(double base, int64_t t) const {
  int64_t length = first_, at = t;
  if (times_ == 1) at %= length;
  while (at >= length) {
    at -= length;
    length *= times_;
  }
  return least_ + (base - least_) * (1 + std::cos(std::numbers::pi * double(at) / double(length))) / 2;
}

WarmupLR::WarmupLR(Optimizer& optimiser, int64_t steps, int64_t total, Decay decay)
    : Schedule(optimiser), steps_(steps), total_(total), decay_(decay) {
  check_steps("WarmupLR", steps);
  if (decay != Decay::constant && total <= steps)
    fail(ErrorCode::invalid_argument, "WarmupLR: total is ", total, " and steps ", steps,
         " (more steps in total, for a decay)");
  step(0);
}
double WarmupLR::rate(double base, int64_t t) const {
  if (t < steps_) return base * double(t) / double(steps_);
  if (decay_ == Decay::constant) return base;
  const double left = std::max(0.0, double(total_ - t) / double(total_ - steps_));
  return base * (decay_ == Decay::linear ? left : (1 - std::cos(std::numbers::pi * left)) / 2);
}

OneCycleLR::OneCycleLR(Optimizer& optimiser, double highest, int64_t steps, const OneCycleOptions& o)
    : Schedule(optimiser), highest_(highest), steps_(steps), options_(o) {
  check_steps("OneCycleLR", steps);
  if (!(o.start_share >= 0 && o.start_share <= 1))
    fail(ErrorCode::invalid_argument, "OneCycleLR: start_share is ", o.start_share, " (from 0 to 1)");
  step(0);
}
double OneCycleLR::rate(double, int64_t t) const {
  if (t > steps_)
    fail(ErrorCode::invalid_argument, "OneCycleLR: step ", t, " of ", steps_, " (no more steps than were announced)");
  const double first = highest_ / options_.div_factor, last = first / options_.final_div_factor;
  const double up = options_.start_share * double(steps_) - 1;
  struct Phase {
    double end, from, to;
  };
  std::vector<Phase> phases{{up, first, highest_}};
  if (options_.three_phase) phases.push_back({2 * up, highest_, first});
  phases.push_back({double(steps_ - 1), options_.three_phase ? first : highest_, last});
  double begin = 0;
  for (size_t i = 0; i < phases.size(); ++i) {
    const Phase& p = phases[i];
    if (double(t) <= p.end || i + 1 == phases.size()) {
      const double share = p.end != begin ? std::min((double(t) - begin) / (p.end - begin), 1.0) : 1;
      if (options_.linear) return p.from + (p.to - p.from) * share;
      return p.to + (p.from - p.to) / 2 * (1 + std::cos(std::numbers::pi * share));
    }
    begin = p.end;
  }
  return last;
}

SequentialLR::SequentialLR(Optimizer& optimiser, std::vector<std::shared_ptr<Schedule>> schedules,
                           std::vector<int64_t> milestones)
    : Schedule(optimiser), schedules_(std::move(schedules)), milestones_(std::move(milestones)) {
  if (schedules_.empty() || milestones_.size() + 1 != schedules_.size() ||
      !std::is_sorted(milestones_.begin(), milestones_.end()))
    fail(ErrorCode::invalid_argument, "SequentialLR: there are ", schedules_.size(), " schedules and milestones ",
         milestones_, " (one milestone less, ascending)");
  for (const auto& s : schedules_)
    if (!s || s->optimiser() != &optimiser)
      fail(ErrorCode::invalid_argument, "SequentialLR: a schedule is of another optimiser (all of one)");
  base_ = schedules_[0]->base_;  // the others set rates of their own when they were made
  step(0);
}
double SequentialLR::rate(double base, int64_t t) const {
  const auto i = size_t(std::upper_bound(milestones_.begin(), milestones_.end(), t) - milestones_.begin());
  return schedules_[i]->rate(base, t - (i ? milestones_[i - 1] : 0));
}

ReduceOnPlateauLR::ReduceOnPlateauLR(Optimizer& optimiser, const PlateauOptions& o)
    : optimiser_(&optimiser),
      options_(o),
      best_(o.maximum ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity()) {
  if (!(o.factor < 1)) fail(ErrorCode::invalid_argument, "ReduceOnPlateauLR: factor is ", o.factor, " (below 1)");
}
void ReduceOnPlateauLR::step(double metric) {
  const double t = options_.threshold, sign = options_.maximum ? -1 : 1;
  const double bound = options_.relative ? best_ * (1 - sign * t) : best_ - sign * t;
  if (options_.maximum ? metric > bound : metric < bound) {
    best_ = metric;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ <= options_.patience) return;
  for (size_t g = 0; g < optimiser_->groups(); ++g) {
    const double before = optimiser_->lr(g), lr = std::max(before * options_.factor, options_.least);
    if (before - lr > options_.eps) optimiser_->set_lr(g, lr);
  }
  cooling_ = options_.cooldown;
  bad_ = 0;
}

}  // namespace neve::optim
