#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "../../src/core/ed25519.h"
#include "../../src/core/sha2.h"
#include "tests.h"

namespace {

std::vector<uint8_t> bytes_of(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::strtoul(hex.substr(i, 2).c_str(), nullptr, 16)));
  }
  return bytes;
}

// Reads lines of key, message and signature in hexadecimal (the message with an m before it, as it may be empty) and
// answers each with the message's SHA-256 and whether the signature is good.
void judge_signatures() {
  std::string key, message, signature;
  while (std::cin >> key >> message >> signature) {
    const auto text = bytes_of(message.substr(1));
    signalcraft::Sha256 hash;
    hash.update(text.data(), text.size());
    uint8_t digest[32];
    hash.finish(digest);
    for (const uint8_t byte : digest) std::printf("%02x", byte);
    const bool good = signalcraft::ed25519_verify(bytes_of(key).data(), text.data(), text.size(), bytes_of(signature).data());
    std::printf(" %d\n", good);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::strcmp(arguments[1], "signatures") == 0) {
    judge_signatures();
    return 0;
  }
  test_journal();
  test_json();
  test_http();
  test_uploader();
  test_clip();
  test_commands();
  test_update();
}
