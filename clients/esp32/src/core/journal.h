// Records that wait for the server, kept in flash through resets and power loss.
//
// A ring of sectors, each used in turn, so that all wear alike. A sector begins with a header (magic,
// generation, CRC); records follow, each with its length and CRC. An acknowledgement clears one byte of the
// last record it covers and so deletes everything up to there without an erase. When the ring is full, the
// oldest sector is given up: the newest readings are worth more.
//
// After a power loss in the middle of a write, `mount` finds a record whose CRC does not fit: it is left out, and
// the rest of its sector is not written again.
//
// Not for use from several tasks at once; the caller holds a lock.
#pragma once

#include <cstdint>

#include "ports.h"

namespace signalcraft {

class Journal {
 public:
  // A place between two records.
  struct Position {
    uint32_t generation = 0;
    uint32_t offset = 0;
  };

  static constexpr uint16_t kLongestRecord = 256;

  explicit Journal(Flash& flash) : flash_(flash) {}

  // Finds what an earlier boot left. False if the flash cannot be read or is smaller than two sectors.
  bool mount();

  // Stores a record of 1 to kLongestRecord bytes; true when it is in flash.
  bool append(const void* record, uint16_t length);

  // Where the oldest record that nobody acknowledged begins.
  Position first() const { return first_; }

  // Copies the record at `position` to `record` (kLongestRecord bytes), moves on, and returns its length; 0 at the end.
  uint16_t read(Position& position, void* record);

  // Deletes everything before `position`, which `read` has moved there.
  bool acknowledge(const Position& position);

  // Records that wait.
  uint32_t pending() const { return pending_; }

  // Records given up since `mount` because the ring was full.
  uint32_t overwritten() const { return overwritten_; }

 private:
  struct RecordHeader {
    uint16_t length;
    uint8_t acknowledged;  // 0xFF: not yet
    uint8_t unused;
    uint32_t crc;
  };

  enum class Found { kRecord, kDamaged, kEnd };

  uint32_t sector_of(uint32_t generation) const;
  bool holds(uint32_t generation);
  bool find_head();
  void find_first();
  Found look(uint32_t sector, uint32_t offset, RecordHeader& header, void* record);
  bool is_blank(uint32_t sector, uint32_t offset);
  bool begin_sector();
  void give_up(uint32_t generation);
  bool write_record(const void* record, uint16_t length);

  Flash& flash_;
  uint32_t sectors_ = 0;
  uint32_t sector_size_ = 0;
  uint32_t head_sector_ = 0;
  uint32_t head_generation_ = 0;  // 0: nothing written yet
  uint32_t oldest_generation_ = 1;
  uint32_t write_offset_ = 0;
  Position first_;
  uint32_t pending_ = 0;
  uint32_t overwritten_ = 0;
};

}  // namespace signalcraft
