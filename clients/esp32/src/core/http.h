// HTTP/1.1 over a Connection: one request, one answer, then closed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ports.h"

namespace signalcraft {

// Bytes that are read from the start again when a request is repeated.
class Body {
 public:
  virtual uint32_t size() const = 0;
  virtual bool read(uint32_t offset, void* data, uint32_t length) = 0;

 protected:
  ~Body() = default;
};

// A body that lies in memory.
class MemoryBody final : public Body {
 public:
  MemoryBody(const void* data, uint32_t size) : data_(static_cast<const uint8_t*>(data)), size_(size) {}
  uint32_t size() const override { return size_; }
  bool read(uint32_t offset, void* data, uint32_t length) override;

 private:
  const uint8_t* data_;
  uint32_t size_;
};

struct Answer {
  int status = 0;  // 0: none came, or it was not HTTP
  uint32_t retry_after_ms = 0;
  uint32_t range_start = 0;  // of a 206: where in the thing its body begins
  bool whole = false;  // the body came to its end
};

// Takes an answer's body as it comes.
class Sink {
 public:
  // Once the headers are known. False if the body is not wanted.
  virtual bool accept(const Answer&) { return true; }
  // False ends the exchange.
  virtual bool take(const uint8_t* data, size_t length) = 0;

 protected:
  ~Sink() = default;
};

// Keeps the beginning of an answer as text that ends with a zero.
class TextSink final : public Sink {
 public:
  TextSink(char* buffer, size_t capacity) : buffer_(buffer), capacity_(capacity) {}
  bool take(const uint8_t* data, size_t length) override;
  const char* text();
  // Whether all of the answer had room.
  bool complete() const { return complete_; }

 private:
  char* buffer_;
  size_t capacity_;
  size_t length_ = 0;
  bool complete_ = true;
};

struct Request {
  const char* method;
  const char* path;           // with its query
  const char* content_type;   // nullptr: no body
  Body* body;                 // nullptr: no body
  const char* extra_headers;  // whole lines, each ended by \r\n; nullptr: none
};

class HttpClient {
 public:
  struct Server {
    const char* host;
    uint16_t port;
    const char* key;  // the device's key, scd_…; nullptr while it has none
  };

  HttpClient(Connection& connection, const Server& server) : connection_(connection), server_(server) {}

  // One exchange. `sink` receives the body of the answer.
  Answer exchange(const Request& request, Sink& sink);

 private:
  bool send(const Request& request);
  bool receive(Answer& answer, Sink& sink);
  bool read_line(char* line, size_t capacity);
  bool fill();
  bool pass_on(uint64_t length, Sink& sink);
  bool pass_on_chunks(Sink& sink);
  bool pass_on_rest(Sink& sink);

  Connection& connection_;
  Server server_;
  uint8_t buffer_[1024];
  size_t at_ = 0;
  size_t filled_ = 0;
};

}  // namespace signalcraft
