#include "harness/runner/rounds.h"

#include <algorithm>
#include <cmath>

namespace forkcost::runner {
namespace {

// After the pilot, and whenever there are twice as many rounds.
bool reconsiders(int round) {
  int next = kPilotRounds;
  while (next < round) next *= 2;
  return next == round;
}

}  // namespace

Rounds::Rounds(const Plan& plan, const std::vector<Record>& done) : plan_(plan), estimates_(plan) {
  if (const auto size = plan.until()) test_.emplace(*size);
  for (const Record& record : done) note(record);
}

void Rounds::note(const Record& record) {
  const std::string name = record.entry.at("name").get<std::string>();
  const Unit unit(record.side, name);
  measured_.emplace(record.round, unit);
  seconds_of_[unit] = record.seconds;
  seconds_ += record.seconds;
  seconds_in_[record.round] += record.seconds;
  estimates_.add(record);
  ++done_;
  const std::string status = status_of(record.entry);
  if (status == "ok") {
    // Its count came from how fast this round was. Were it chosen anew in each, a slow round would
    // have fewer samples, and weigh less in every quantile. Both sides take as many.
    samples_of_.emplace(name, record.entry.value("iterations", size_t{0}));
  }
  // This machine cannot do it, and will not be able to in a minute; unless it was chance.
  if (record.round == 0 && status == "skipped" &&
      !record.entry.at("outcome").value("by_chance", false)) {
    skipped_.insert(unit);
  }
}

bool Rounds::takes_part(int round, size_t index) const {
  const Unit unit(plan_.cases[index].side, plan_.cases[index].name);
  if (round > 0 && skipped_.count(unit) > 0) return false;
  if (test_ && test_->is_settled(unit.second)) return false;
  const auto share = shares_.find(unit.second);
  if (round < kPilotRounds || share == shares_.end()) return true;
  return std::floor((round + 1) * share->second) > std::floor(round * share->second);
}

std::vector<size_t> Rounds::taking_part(int round, const std::vector<size_t>& order) const {
  std::vector<size_t> indices;
  std::copy_if(order.begin(), order.end(), std::back_inserter(indices),
               [&](size_t index) { return takes_part(round, index); });
  return indices;
}

// From the records of the rounds before alone, so that a run that was interrupted decides the same.
// How many samples a process takes is settled after the pilot; how often a case takes part is
// reconsidered as more is known of its noise, which is known by a factor of 2 after the pilot.
void Rounds::spend_time(int round, Observer& observer) {
  if (!plan_.allocates()) return;
  if (round == 1) {
    for (auto& [name, samples] : samples_of_) {
      if (const auto costs = estimates_.costs(name, 0)) samples = first_samples(*costs);
    }
  }
  if (!reconsiders(round)) return;
  std::vector<CaseNoise> cases = estimates_.noise(round == kPilotRounds ? 1 : 0, round);
  double seconds = plan_.target_seconds();
  for (int i = 0; i < round; ++i) seconds -= seconds_in_[i];
  // What a process may take, so that each case has its least number of rounds.
  constexpr double kMostSeconds = 1;
  const double most = std::min(
      kMostSeconds, plan_.preset().target_seconds * static_cast<double>(plan_.side_count()) /
                        plan_.preset().min_rounds / static_cast<double>(cases.size()));
  std::vector<double> done;
  for (CaseNoise& one : cases) {
    if (round == kPilotRounds) samples_of_[one.name] = choose_samples(one, most);
    one.samples = samples_of_.at(one.name);
    done.push_back(static_cast<double>(estimates_.rounds_of(one.name, one.samples, round)));
    seconds += done.back() * one.process_seconds();
  }
  if (test_) return;  // whatever is unclear takes part in every round
  const std::vector<double> wanted = allocate(cases, seconds, plan_.min_rounds());
  double longest = 0;
  for (size_t i = 0; i < cases.size(); ++i) longest = std::max(longest, wanted[i] - done[i]);
  for (size_t i = 0; i < cases.size(); ++i) {
    shares_[cases[i].name] = longest > 0 ? std::max(wanted[i] - done[i], 0.0) / longest : 1;
  }
  if (round == kPilotRounds) observer.allocated(cases, wanted);
}

// Cases that were never measured count as the average of the others.
double Rounds::expected_seconds(const std::vector<size_t>& indices) const {
  const double average = done_ == 0 ? 0 : seconds_ / static_cast<double>(done_);
  double sum = 0;
  for (const size_t index : indices) {
    const auto known = seconds_of_.find({plan_.cases[index].side, plan_.cases[index].name});
    sum += known == seconds_of_.end() ? average : known->second;
  }
  return sum;
}

Position Rounds::position(int round, size_t missing_now) const {
  const auto further = static_cast<size_t>(plan_.max_rounds() - round - 1);
  const size_t left = missing_now + further * (plan_.cases.size() - skipped_.size());
  Position position{round, done_, done_ + left, seconds_, 0};
  if (done_ > 0) {
    position.seconds_left = seconds_ / static_cast<double>(done_) * static_cast<double>(left);
  }
  if (const double target = plan_.target_seconds(); target > 0) {
    position.seconds_left = std::min(position.seconds_left, std::max(0.0, target - seconds_));
  }
  return position;
}

// Core cases change nothing of the machine, so two processes of one may be there at once. How many
// samples they take must be known: the first would not know when its turn ends.
bool Rounds::takes_turns(const std::vector<size_t>& due, size_t i) const {
  if ((!plan_.allocates() && !plan_.until()) || i + 1 == due.size()) return false;
  const PlannedCase& which = plan_.cases[due[i]];
  const PlannedCase& other = plan_.cases[due[i + 1]];
  return which.name == other.name && which.description.contains("core") &&
         other.description.contains("core") && samples_of_.count(which.name) > 0;
}

// The case at `i`, and the one after it where they take turns; how many that are.
size_t Rounds::measure(Bench& bench, Observer& observer, int round, const std::vector<size_t>& due,
                       size_t i) {
  const PlannedCase& which = plan_.cases[due[i]];
  observer.next(which, position(round, due.size() - i));
  const auto known = samples_of_.find(which.name);
  const size_t samples = known == samples_of_.end() ? 0 : known->second;
  const auto keep = [&](const PlannedCase& one, Measured measured) {
    measured.entry["repetition_index"] = round;
    const Record record{round, measured.seconds, std::move(measured.entry), one.side};
    note(record);
    observer.finished(record, measured.context);
  };
  if (!takes_turns(due, i)) {
    keep(which, bench.measure(which, samples));
    return 1;
  }
  const PlannedCase& other = plan_.cases[due[i + 1]];
  auto [first, second] = bench.measure_both(which, other, samples);
  keep(which, std::move(first));
  keep(other, std::move(second));
  return 2;
}

void Rounds::run(Bench& bench, Observer& observer) {
  const size_t sides = plan_.side_count();
  const auto orders =
      make_orders(plan_.cases.size() / sides, sides, plan_.max_rounds(), plan_.seed());
  const double target = plan_.target_seconds();
  for (int round = 0; round < plan_.max_rounds(); ++round) {
    spend_time(round, observer);
    std::vector<size_t> due = taking_part(round, orders[static_cast<size_t>(round)]);
    const size_t all = due.size();
    std::erase_if(due, [&](size_t index) {
      return measured_.count({round, {plan_.cases[index].side, plan_.cases[index].name}}) > 0;
    });
    const bool begun = due.size() < all;
    // A round that was begun is finished: half a round would weigh some cases more than others.
    const bool may_stop = target > 0 && !begun && round >= plan_.min_rounds();
    if (due.empty() && !begun) break;  // all are skipped, or settled
    if (may_stop && seconds_ + expected_seconds(due) > target) break;
    for (size_t i = 0; i < due.size();) {
      i += measure(bench, observer, round, due, i);
    }
    rounds_done_ = round + 1;
    if (test_ && rounds_done_ == plan_.pilot_rounds() + pairs_at(test_->looks())) {
      look();
      if (test_->is_over()) return;
    }
  }
  // Time is up before the next look was due: it is now.
  if (test_ && !test_->is_over() && rounds_done_ > rounds_looked_) look();
}

void Rounds::look() {
  test_->look(estimates_.series(samples_of_, rounds_done_));
  rounds_looked_ = rounds_done_;
}

}  // namespace forkcost::runner
