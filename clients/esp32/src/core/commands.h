// What the server asks of the node. Commands come with the answer to a heartbeat; each is done once and acknowledged until
// the server has heard it: it sends again what it believes undone, and a repeat is known by its number.
#pragma once

#include <cstdint>

#include "http.h"
#include "json_reader.h"

namespace signalcraft {

// What the program does about a command. An answer of false goes to the server as a failure, with `error`.
class CommandHandler {
 public:
  // `kind` is config, calibrate or firmware_update; the fields of each stand in docs/nodes.md.
  virtual bool perform(const char* kind, const JsonValue& command, const char*& error) = 0;
  virtual void restart() = 0;

 protected:
  ~CommandHandler() = default;
};

class Commands {
 public:
  Commands(HttpClient& http, CommandHandler& handler, const char* device_id)
      : http_(http), handler_(handler), device_id_(device_id) {}

  // Performs the list `commands` of a server's answer, if it holds one.
  void receive(const JsonValue& answer);

 private:
  static constexpr uint32_t kRemembered = 16;
  static constexpr uint32_t kMostAtOnce = 8;

  struct Outcome {
    uint64_t id = 0;
    bool succeeded = false;
    const char* error = "";
  };

  void receive_one(const JsonValue& command);
  const Outcome* find(uint64_t id) const;
  bool acknowledge(const Outcome& outcome);

  HttpClient& http_;
  CommandHandler& handler_;
  const char* device_id_;
  Outcome done_[kRemembered];
  uint32_t count_ = 0;
};

}  // namespace signalcraft
