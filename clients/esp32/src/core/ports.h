// What the core needs of the chip (or of the host that tests it). Nothing else in `core` touches hardware.
#pragma once

#include <cstddef>
#include <cstdint>

namespace signalcraft {

// A region of NOR flash. Erasing sets all bits of a sector; writing may only clear bits.
class Flash {
 public:
  // Bytes; a whole number of sectors.
  virtual uint32_t size() const = 0;
  virtual uint32_t sector_size() const = 0;
  virtual bool read(uint32_t offset, void* data, uint32_t length) = 0;
  virtual bool write(uint32_t offset, const void* data, uint32_t length) = 0;
  virtual bool erase(uint32_t sector_offset) = 0;

 protected:
  ~Flash() = default;
};

// One TCP (or TLS) connection at a time to the server.
class Connection {
 public:
  // Each call gives up after a time of its own choosing (ten seconds suit) and returns false or a negative number.
  virtual bool open(const char* host, uint16_t port) = 0;
  virtual bool write(const void* data, size_t length) = 0;
  // Bytes read, 0 when the server has closed, negative on an error or when it took too long.
  virtual int read(void* data, size_t capacity) = 0;
  virtual void close() = 0;

 protected:
  ~Connection() = default;
};

class Clock {
 public:
  // Microseconds since this boot; never wraps, never goes back.
  virtual uint64_t uptime_us() = 0;
  // Microseconds since 1970, or 0 while the time of day is not known.
  virtual int64_t unix_us() = 0;

 protected:
  ~Clock() = default;
};

class Entropy {
 public:
  // 32 random bits, different on each node and at each boot.
  virtual uint32_t next() = 0;

 protected:
  ~Entropy() = default;
};

}  // namespace signalcraft
