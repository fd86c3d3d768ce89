#include "commands.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "json_writer.h"

namespace signalcraft {

void Commands::receive(const JsonValue& answer) {
  const JsonValue list = answer.member("commands");
  for (size_t i = 0; i < kMostAtOnce; ++i) {
    const JsonValue command = list.item(i);
    if (!command.present()) return;
    receive_one(command);
  }
}

void Commands::receive_one(const JsonValue& command) {
  uint64_t id = 0;
  char kind[24];
  if (!command.member("command_id").whole(id) || !command.member("type").text(kind, sizeof kind)) return;
  if (const Outcome* outcome = find(id)) {
    acknowledge(*outcome);  // the earlier word was lost
    return;
  }
  Outcome outcome{id, true, ""};
  if (std::strcmp(kind, "restart") == 0) {
    // Said before it is done, for afterwards nobody remembers it; not heard, it is not done but sent again.
    if (acknowledge(outcome)) handler_.restart();
    return;
  }
  outcome.succeeded = handler_.perform(kind, command, outcome.error);
  done_[count_++ % kRemembered] = outcome;
  acknowledge(outcome);
}

const Commands::Outcome* Commands::find(uint64_t id) const {
  for (uint32_t i = 0; i < count_ && i < kRemembered; ++i) {
    if (done_[i].id == id) return &done_[i];
  }
  return nullptr;
}

bool Commands::acknowledge(const Outcome& outcome) {
  char path[64];
  std::snprintf(path, sizeof path, "/api/esp32/commands/%" PRIu64 "/ack", outcome.id);
  char text[256];
  JsonWriter json(text, sizeof text);
  json.begin_object().key("device_id").text(device_id_).key("success").boolean(outcome.succeeded);
  if (!outcome.succeeded) json.key("message").text(outcome.error);
  json.end_object();
  MemoryBody body(text, static_cast<uint32_t>(json.length()));
  char heard[256];
  TextSink sink(heard, sizeof heard);
  return http_.exchange({"POST", path, "application/json", &body, nullptr}, sink).status == 200;
}

}  // namespace signalcraft
