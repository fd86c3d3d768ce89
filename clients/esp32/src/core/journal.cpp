#include "journal.h"

#include <cstring>

#include "crc32.h"

namespace signalcraft {
namespace {

constexpr uint32_t kMagic = 0x314A4353;  // "SCJ1"
constexpr uint32_t kSectorHeader = 16;
constexpr uint32_t kRecordHeader = 8;
constexpr uint16_t kBlankLength = 0xFFFF;
constexpr uint8_t kWaiting = 0xFF;
constexpr uint8_t kAcknowledged = 0x00;
constexpr uint32_t kAcknowledgedOffset = 2;  // within the record's header

struct SectorHeader {
  uint32_t magic;
  uint32_t generation;
  uint32_t crc;  // of the two above
  uint32_t unused;
};

// Flash is written in words.
uint32_t padded(uint32_t length) { return (length + 3u) & ~3u; }

uint32_t crc_of(uint16_t length, const void* record) { return crc32(record, length, crc32(&length, sizeof length)); }

bool before(const Journal::Position& a, const Journal::Position& b) {
  return a.generation != b.generation ? a.generation < b.generation : a.offset < b.offset;
}

}  // namespace

bool Journal::mount() {
  sector_size_ = flash_.sector_size();
  sectors_ = sector_size_ == 0 ? 0 : flash_.size() / sector_size_;
  pending_ = overwritten_ = 0;
  if (sectors_ < 2 || !find_head()) return false;
  find_first();
  return true;
}

// The newest sector, and where its next record goes.
bool Journal::find_head() {
  head_generation_ = 0;
  head_sector_ = sectors_ - 1;  // so that the first sector to be begun is 0
  for (uint32_t sector = 0; sector < sectors_; ++sector) {
    SectorHeader header;
    if (!flash_.read(sector * sector_size_, &header, sizeof header)) return false;
    if (header.magic != kMagic || header.crc != crc32(&header, 8)) continue;
    if (header.generation > head_generation_) {
      head_generation_ = header.generation;
      head_sector_ = sector;
    }
  }
  oldest_generation_ = head_generation_ < sectors_ ? 1 : head_generation_ - sectors_ + 1;
  write_offset_ = sector_size_;  // nothing begun: the next record begins a sector
  if (head_generation_ == 0) return true;
  uint32_t offset = kSectorHeader;
  bool damaged = false;
  RecordHeader header;
  uint8_t record[kLongestRecord];
  for (;;) {
    const Found found = look(head_sector_, offset, header, record);
    if (found == Found::kEnd) break;
    damaged |= found == Found::kDamaged;
    offset += kRecordHeader + padded(header.length);
  }
  if (!damaged && is_blank(head_sector_, offset)) write_offset_ = offset;
  return true;
}

// The record after the last acknowledged one, and how many follow.
void Journal::find_first() {
  first_ = {oldest_generation_, kSectorHeader};
  for (uint32_t generation = oldest_generation_; generation <= head_generation_; ++generation) {
    if (!holds(generation)) continue;
    const uint32_t sector = sector_of(generation);
    uint32_t offset = kSectorHeader;
    RecordHeader header;
    uint8_t record[kLongestRecord];
    for (;;) {
      const Found found = look(sector, offset, header, record);
      if (found == Found::kEnd) break;
      offset += kRecordHeader + padded(header.length);
      if (found == Found::kDamaged) continue;
      ++pending_;
      if (header.acknowledged != kWaiting) {
        pending_ = 0;
        first_ = {generation, offset};
      }
    }
  }
}

uint32_t Journal::sector_of(uint32_t generation) const {
  return (head_sector_ + sectors_ - (head_generation_ - generation) % sectors_) % sectors_;
}

// Whether the sector of that generation is in flash: its erase or its header may have been cut short.
bool Journal::holds(uint32_t generation) {
  SectorHeader header;
  return flash_.read(sector_of(generation) * sector_size_, &header, sizeof header) && header.magic == kMagic &&
         header.generation == generation && header.crc == crc32(&header, 8);
}

Journal::Found Journal::look(uint32_t sector, uint32_t offset, RecordHeader& header, void* record) {
  const uint32_t base = sector * sector_size_;
  if (offset + kRecordHeader > sector_size_ || !flash_.read(base + offset, &header, kRecordHeader)) return Found::kEnd;
  if (header.length == kBlankLength || header.length == 0 || header.length > kLongestRecord) return Found::kEnd;
  if (offset + kRecordHeader + padded(header.length) > sector_size_) return Found::kEnd;
  if (!flash_.read(base + offset + kRecordHeader, record, header.length)) return Found::kEnd;
  return header.crc == crc_of(header.length, record) ? Found::kRecord : Found::kDamaged;
}

bool Journal::is_blank(uint32_t sector, uint32_t offset) {
  uint8_t bytes[64];
  while (offset < sector_size_) {
    const uint32_t length = sector_size_ - offset < sizeof bytes ? sector_size_ - offset : sizeof bytes;
    if (!flash_.read(sector * sector_size_ + offset, bytes, length)) return false;
    for (uint32_t i = 0; i < length; ++i) {
      if (bytes[i] != 0xFF) return false;
    }
    offset += length;
  }
  return true;
}

bool Journal::append(const void* record, uint16_t length) {
  if (length == 0 || length > kLongestRecord) return false;
  // A second try in the next sector: this one may be worn out.
  return write_record(record, length) || write_record(record, length);
}

bool Journal::write_record(const void* record, uint16_t length) {
  if (write_offset_ + kRecordHeader + padded(length) > sector_size_ && !begin_sector()) return false;
  uint8_t bytes[kRecordHeader + kLongestRecord];
  std::memset(bytes, 0xFF, sizeof bytes);
  const RecordHeader header{length, kWaiting, 0xFF, crc_of(length, record)};
  std::memcpy(bytes, &header, kRecordHeader);
  std::memcpy(bytes + kRecordHeader, record, length);
  const uint32_t offset = write_offset_;
  write_offset_ += kRecordHeader + padded(length);
  RecordHeader written;
  uint8_t read_back[kLongestRecord];
  if (!flash_.write(head_sector_ * sector_size_ + offset, bytes, kRecordHeader + padded(length)) ||
      look(head_sector_, offset, written, read_back) != Found::kRecord) {
    write_offset_ = sector_size_;
    return false;
  }
  ++pending_;
  return true;
}

// Moves on to the next sector of the ring. Also after a failure: the sector is then passed over until the next round.
bool Journal::begin_sector() {
  if (head_generation_ >= sectors_) give_up(head_generation_ + 1 - sectors_);
  head_sector_ = (head_sector_ + 1) % sectors_;
  ++head_generation_;
  SectorHeader header{kMagic, head_generation_, 0, 0xFFFFFFFF};
  header.crc = crc32(&header, 8);
  const uint32_t base = head_sector_ * sector_size_;
  const bool begun = flash_.erase(base) && flash_.write(base, &header, sizeof header);
  write_offset_ = begun ? kSectorHeader : sector_size_;
  return begun;
}

void Journal::give_up(uint32_t generation) {
  const Position next{generation + 1, kSectorHeader};
  Position position = first_;
  uint8_t record[kLongestRecord];
  while (before(position, next)) {
    Position after = position;
    if (read(after, record) == 0 || before(next, after)) break;
    position = after;
    --pending_;
    ++overwritten_;
  }
  if (before(first_, next)) first_ = next;
  oldest_generation_ = generation + 1;
}

uint16_t Journal::read(Position& position, void* record) {
  Position at = position;
  while (at.generation <= head_generation_ && head_generation_ != 0) {
    RecordHeader header;
    Found found = Found::kEnd;
    if (holds(at.generation)) found = look(sector_of(at.generation), at.offset, header, record);
    if (found == Found::kEnd) {
      at = {at.generation + 1, kSectorHeader};
      continue;
    }
    at.offset += kRecordHeader + padded(header.length);
    if (found == Found::kDamaged) continue;
    position = at;
    return header.length;
  }
  return 0;
}

bool Journal::acknowledge(const Position& position) {
  uint8_t record[kLongestRecord];
  uint32_t length = 0;
  uint32_t covered = 0;
  Position at = first_;
  while (before(at, position)) {
    length = read(at, record);
    if (length == 0) return false;
    ++covered;
  }
  if (covered == 0) return true;  // the ring has given them up in the meantime
  const uint32_t start = at.offset - kRecordHeader - padded(length);
  const uint8_t mark = kAcknowledged;
  first_ = at;
  pending_ -= covered;
  return flash_.write(sector_of(at.generation) * sector_size_ + start + kAcknowledgedOffset, &mark, 1);
}

}  // namespace signalcraft
