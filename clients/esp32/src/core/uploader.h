// Sends what waits in the journal, in batches, and deletes what the server has acknowledged.
//
//   waiting --time--> sending --200--> acknowledged, next batch
//                        |--429, 5xx, no answer--> back-off, the same again
//                        |--400, 413, 415, 422--> half as many; a single one that is refused is given up
//                        '--other (401, 403, 404, …)--> back-off; the readings stay: the answer is about the node
//
// An answer counts only if it is a SignalCraft document: a shop's Wi-Fi may answer everything with its own page.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backoff.h"
#include "http.h"
#include "journal.h"
#include "json_reader.h"
#include "ports.h"

namespace signalcraft {

class Uploader {
 public:
  struct Settings {
    const char* device_id;
    uint32_t interval_ms = 30000;  // between batches
    uint32_t most_readings = 100;  // in one batch
  };

  struct Counts {
    uint32_t acknowledged = 0;  // the server has them, or has refused them for good
    uint32_t refused = 0;       // of these: refused
    uint32_t batches = 0;
    uint32_t failures = 0;
  };

  // `buffer` holds the batch and then its answer: 250 bytes a reading, and 2048 at least.
  Uploader(Journal& journal, HttpClient& http, Clock& clock, Backoff& backoff, const Settings& settings, char* buffer,
           size_t capacity);

  // Sends one batch if it is time and something waits.
  void step();

  // The first batch goes out somewhere within the first interval: after a power cut all nodes boot at once.
  void start();

  void set_interval_ms(uint32_t interval_ms) { settings_.interval_ms = interval_ms; }

  // Microseconds of uptime before which `step` does nothing.
  uint64_t next_us() const { return next_us_; }
  const Counts& counts() const { return counts_; }

 private:
  uint32_t encode(Journal::Position& end, size_t& length);
  void judge(const Answer& answer, const JsonValue& document, uint32_t count, const Journal::Position& end);
  void finish(uint32_t count, uint32_t refused, const Journal::Position& end);
  void wait(uint32_t milliseconds);

  Journal& journal_;
  HttpClient& http_;
  Clock& clock_;
  Backoff& backoff_;
  Settings settings_;
  char* buffer_;
  size_t capacity_;
  uint32_t limit_;
  uint64_t next_us_ = 0;
  Counts counts_;
};

}  // namespace signalcraft
