// The chip's parts as the tests need them: flash that loses power in the middle of a write, a clock that is set by hand.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "../../src/core/ports.h"

namespace fakes {

// NOR flash in memory. `power_bytes` is how many bytes may still be written or erased before the power fails in
// the middle of one; the byte under way is left half-written. Until `restore_power`, nothing changes any more.
class Flash final : public signalcraft::Flash {
 public:
  Flash(uint32_t sectors, uint32_t sector_size)
      : bytes(static_cast<size_t>(sectors) * sector_size, 0xFF), erases(sectors), sector_size_(sector_size) {}

  uint32_t size() const override { return static_cast<uint32_t>(bytes.size()); }
  uint32_t sector_size() const override { return sector_size_; }

  bool read(uint32_t offset, void* data, uint32_t length) override {
    if (offset + length > bytes.size()) return false;
    std::memcpy(data, &bytes[offset], length);
    return true;
  }

  bool write(uint32_t offset, const void* data, uint32_t length) override {
    if (offset + length > bytes.size()) return false;
    const auto* from = static_cast<const uint8_t*>(data);
    for (uint32_t i = 0; i < length; ++i) {
      if (!spend()) {
        if (cut_now_) bytes[offset + i] &= static_cast<uint8_t>(from[i] | 0x5A);
        cut_now_ = false;
        return false;
      }
      bytes[offset + i] &= from[i];
    }
    return offset / sector_size_ != broken_sector;
  }

  bool erase(uint32_t offset) override {
    ++erases[offset / sector_size_];
    for (uint32_t i = 0; i < sector_size_; ++i) {
      if (!spend()) {
        if (cut_now_) bytes[offset + i] |= 0xA5;
        cut_now_ = false;
        return false;
      }
      bytes[offset + i] = 0xFF;
    }
    return true;
  }

  void restore_power() { power_bytes = UINT64_MAX; }

  std::vector<uint8_t> bytes;
  std::vector<uint32_t> erases;
  uint64_t power_bytes = UINT64_MAX;
  uint32_t broken_sector = UINT32_MAX;

 private:
  bool spend() {
    if (power_bytes == UINT64_MAX) return true;
    if (power_bytes == 0) return false;
    cut_now_ = --power_bytes == 0;
    return !cut_now_;
  }

  uint32_t sector_size_;
  bool cut_now_ = false;
};

class Clock final : public signalcraft::Clock {
 public:
  uint64_t uptime_us() override { return uptime; }
  int64_t unix_us() override { return unix_at_boot == 0 ? 0 : unix_at_boot + static_cast<int64_t>(uptime); }
  uint64_t uptime = 0;
  int64_t unix_at_boot = 0;
};

// xorshift32: the same seed, the same numbers.
class Entropy final : public signalcraft::Entropy {
 public:
  explicit Entropy(uint32_t seed) : state_(seed * 2654435761u + 1u) {}
  uint32_t next() override {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }

 private:
  uint32_t state_;
};

// Answers each request with the next of the given answers, byte by byte if asked; keeps what was sent.
class Server final : public signalcraft::Connection {
 public:
  std::vector<std::string> answers;
  std::vector<std::string> requests;
  size_t piece = 1000;

  bool open(const char*, uint16_t) override {
    if (answers.empty()) return false;
    answer_ = answers.front();
    answers.erase(answers.begin());
    at_ = 0;
    requests.emplace_back();
    return true;
  }
  bool write(const void* data, size_t length) override {
    requests.back().append(static_cast<const char*>(data), length);
    return true;
  }
  int read(void* data, size_t capacity) override {
    size_t count = answer_.size() - at_;
    if (count > capacity) count = capacity;
    if (count > piece) count = piece;
    std::memcpy(data, answer_.data() + at_, count);
    at_ += count;
    return static_cast<int>(count);
  }
  void close() override {}

 private:
  std::string answer_;
  size_t at_ = 0;
};

inline std::string http(int status, const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace fakes
