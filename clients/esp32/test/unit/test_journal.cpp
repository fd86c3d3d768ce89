#include <deque>
#include <string>

#include "../../src/core/journal.h"
#include "check.h"
#include "fakes.h"
#include "tests.h"

using signalcraft::Journal;

namespace {

std::string record_of(uint32_t number) {
  return "record " + std::to_string(number) + std::string(number % 23, '.');
}

bool append(Journal& journal, uint32_t number) {
  const std::string record = record_of(number);
  return journal.append(record.data(), static_cast<uint16_t>(record.size()));
}

std::deque<std::string> all(Journal& journal) {
  std::deque<std::string> found;
  char record[Journal::kLongestRecord];
  Journal::Position at = journal.first();
  while (uint16_t length = journal.read(at, record)) found.emplace_back(record, length);
  return found;
}

bool acknowledge(Journal& journal, uint32_t count) {
  char record[Journal::kLongestRecord];
  Journal::Position at = journal.first();
  for (uint32_t i = 0; i < count; ++i) journal.read(at, record);
  return journal.acknowledge(at);
}

void keeps_records_in_order_through_a_restart() {
  fakes::Flash flash(4, 512);
  Journal journal(flash);
  CHECK(journal.mount());
  for (uint32_t number = 0; number < 20; ++number) CHECK(append(journal, number));
  CHECK(acknowledge(journal, 7));
  Journal again(flash);
  CHECK(again.mount());
  CHECK(again.pending() == 13);
  const auto found = all(again);
  CHECK(found.size() == 13);
  for (uint32_t i = 0; i < 13; ++i) CHECK(found[i] == record_of(7 + i));
}

void gives_up_the_oldest_when_full_and_says_how_many() {
  fakes::Flash flash(3, 256);
  Journal journal(flash);
  CHECK(journal.mount());
  for (uint32_t number = 0; number < 100; ++number) CHECK(append(journal, number));
  const auto found = all(journal);
  CHECK(found.size() == journal.pending());
  CHECK(journal.pending() + journal.overwritten() == 100);
  CHECK(found.back() == record_of(99));
  CHECK(found.front() == record_of(journal.overwritten()));
}

void wears_all_sectors_alike() {
  fakes::Flash flash(8, 256);
  Journal journal(flash);
  CHECK(journal.mount());
  for (uint32_t number = 0; number < 3000; ++number) {
    CHECK(append(journal, number));
    if (number % 5 == 4) CHECK(acknowledge(journal, 5));
    if (number % 97 == 0) CHECK(journal.mount());
  }
  uint32_t least = UINT32_MAX;
  uint32_t most = 0;
  for (const uint32_t erases : flash.erases) {
    least = erases < least ? erases : least;
    most = erases > most ? erases : most;
  }
  CHECK(most - least <= 1);
  CHECK(journal.overwritten() == 0);
}

void passes_over_a_sector_that_no_longer_takes_writes() {
  fakes::Flash flash(4, 256);
  flash.broken_sector = 1;
  Journal journal(flash);
  CHECK(journal.mount());
  uint32_t taken = 0;
  for (uint32_t number = 0; number < 20; ++number) taken += append(journal, number);
  CHECK(taken == 20);
  CHECK(all(journal).back() == record_of(19));
  CHECK(journal.mount());
  CHECK(all(journal).back() == record_of(19));
}

void leaves_out_a_record_that_rotted() {
  fakes::Flash flash(2, 512);
  Journal journal(flash);
  CHECK(journal.mount());
  for (uint32_t number = 0; number < 5; ++number) CHECK(append(journal, number));
  for (uint32_t offset = 16; offset < 512; ++offset) {
    fakes::Flash rotten = flash;
    rotten.bytes[offset] ^= 0x10;
    Journal other(rotten);
    CHECK(other.mount());
    auto found = all(other);
    for (const std::string& record : found) {
      bool is_one = false;
      for (uint32_t number = 0; number < 5; ++number) is_one |= record == record_of(number);
      CHECK(is_one);
    }
    CHECK(append(other, 5));
    found.push_back(record_of(5));
    CHECK(all(other) == found);
    rotten.bytes[offset] ^= 0x10;  // what follows the rotten place was not written over
    Journal healed(rotten);
    CHECK(healed.mount() && all(healed).size() == 6);
  }
}

// What a run of appends and acknowledgements must have left, whenever the power failed.
struct Truth {
  std::deque<std::string> waiting;    // appended for certain and not acknowledged
  std::string under_way;              // being appended when the power failed: may be there
  uint32_t acknowledging = 0;         // being acknowledged then: may be gone
};

// Appends and acknowledges until the power fails; false then.
bool work(Journal& journal, Truth& truth, uint32_t from, uint32_t count) {
  for (uint32_t number = from; number < from + count; ++number) {
    truth.under_way = record_of(number);
    if (!append(journal, number)) return false;
    truth.waiting.push_back(truth.under_way);
    truth.under_way.clear();
    if (number % 4 != 3) continue;
    truth.acknowledging = 3;
    if (!acknowledge(journal, 3)) return false;
    truth.waiting.erase(truth.waiting.begin(), truth.waiting.begin() + 3);
    truth.acknowledging = 0;
  }
  return true;
}

void check_after_power_loss(Journal& journal, const Truth& truth) {
  CHECK(journal.mount());
  auto found = all(journal);
  CHECK(found.size() == journal.pending());
  if (!truth.under_way.empty() && !found.empty() && found.back() == truth.under_way) found.pop_back();
  auto expected = truth.waiting;
  if (found.size() != expected.size()) {
    CHECK(truth.acknowledging > 0);
    expected.erase(expected.begin(), expected.begin() + truth.acknowledging);
  }
  CHECK(found == expected);
}

// Every byte of a long run is once the one at which the power fails, and once more soon after that.
void loses_nothing_wherever_the_power_fails() {
  for (uint64_t cut = 1;; ++cut) {
    fakes::Flash flash(6, 256);
    Journal journal(flash);
    CHECK(journal.mount());
    Truth truth;
    flash.power_bytes = cut;
    const bool finished = work(journal, truth, 0, 48);
    flash.restore_power();
    check_after_power_loss(journal, truth);
    if (finished) return;
    Truth later;
    later.waiting = all(journal);
    flash.power_bytes = cut % 61 + 1;
    work(journal, later, 1000, 8);
    flash.restore_power();
    check_after_power_loss(journal, later);
    CHECK(append(journal, 5000));
    CHECK(all(journal).back() == record_of(5000));
  }
}

}  // namespace

void test_journal() {
  RUN(keeps_records_in_order_through_a_restart);
  RUN(gives_up_the_oldest_when_full_and_says_how_many);
  RUN(wears_all_sectors_alike);
  RUN(passes_over_a_sector_that_no_longer_takes_writes);
  RUN(leaves_out_a_record_that_rotted);
  RUN(loses_nothing_wherever_the_power_fails);
}
