#include "update.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "json_writer.h"

namespace signalcraft {
namespace {

int hex_digit(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'f') return character - 'a' + 10;
  return -1;
}

bool from_hex(const char* text, uint8_t* bytes, size_t size) {
  if (std::strlen(text) != 2 * size) return false;
  for (size_t i = 0; i < size; ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<uint8_t>(16 * high + low);
  }
  return true;
}

int base64_digit(char character) {
  if (character >= 'A' && character <= 'Z') return character - 'A';
  if (character >= 'a' && character <= 'z') return character - 'a' + 26;
  if (character >= '0' && character <= '9') return character - '0' + 52;
  if (character == '+') return 62;
  if (character == '/') return 63;
  return -1;
}

// Exactly `size` bytes (RFC 4648, 4); 64 bytes are 88 characters, the last two `=`.
bool from_base64(const char* text, uint8_t* bytes, size_t size) {
  uint32_t bits = 0;
  int held = 0;
  size_t count = 0;
  for (; *text != '\0' && *text != '='; ++text) {
    const int digit = base64_digit(*text);
    if (digit < 0) return false;
    bits = (bits << 6) | static_cast<uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    if (count == size) return false;
    bytes[count++] = static_cast<uint8_t>(bits >> held);
  }
  return count == size;
}

}  // namespace

bool Manifest::parse(const JsonValue& command, Manifest& manifest) {
  uint64_t size = 0;
  char sha256[2 * Sha256::kSize + 1];
  char signature[96];
  if (!command.member("version").text(manifest.version, sizeof manifest.version) ||
      !command.member("hardware").text(manifest.hardware, sizeof manifest.hardware) ||
      !command.member("firmware_url").text(manifest.path, sizeof manifest.path) ||
      !command.member("size").whole(size) || !command.member("sha256").text(sha256, sizeof sha256) ||
      !command.member("signature").text(signature, sizeof signature)) {
    return false;
  }
  // A path, not an address: the image comes from the server that the node knows, with the node's own key.
  if (manifest.path[0] != '/' || size == 0 || size > UINT32_MAX) return false;
  manifest.size = static_cast<uint32_t>(size);
  return from_hex(sha256, manifest.sha256, sizeof manifest.sha256) &&
         from_base64(signature, manifest.signature, sizeof manifest.signature);
}

bool Manifest::is_signed_by(const uint8_t public_key[kEd25519Key]) const {
  char text[256];
  int length = std::snprintf(text, sizeof text, "signalcraft-firmware-1\n%s\n%s\n%" PRIu32 "\n", hardware, version, size);
  for (const uint8_t byte : sha256) length += std::snprintf(text + length, sizeof text - static_cast<size_t>(length), "%02x", byte);
  text[length++] = '\n';
  return ed25519_verify(public_key, text, static_cast<size_t>(length), signature);
}

bool Update::begin(const Manifest& manifest, const uint8_t public_key[kEd25519Key], const char* hardware) {
  if (state_ == State::kDownloading) return fail("another update is under way");
  manifest_ = manifest;
  received_ = failures_ = 0;
  next_us_ = 0;
  is_told_ = true;
  error_ = "";
  if (!manifest.is_signed_by(public_key)) return fail("the signature is not the operator's");
  if (std::strcmp(manifest.hardware, hardware) != 0) return fail("the image is for other hardware");
  if (manifest.size > slot_.capacity()) return fail("the image does not fit");
  if (!slot_.erase(manifest.size)) return fail("the flash cannot be erased");
  state_ = State::kDownloading;
  return true;
}

bool Update::fail(const char* error) {
  error_ = error;
  state_ = State::kFailed;
  return false;
}

void Update::step() {
  if (clock_.uptime_us() < next_us_) return;
  if (state_ != State::kDownloading) {
    if (!is_told_) tell();
    return;
  }
  if (received_ < manifest_.size) {
    download();
  } else {
    install();
  }
  is_told_ = state_ == State::kDownloading;
}

void Update::install() {
  if (!digest_fits()) {
    fail("the image is not the one that was signed");
  } else if (!slot_.select()) {
    fail("the boot loader does not take the image");
  } else {
    state_ = State::kInstalled;
  }
}

// Until the server has heard it, or does not want to.
void Update::tell() {
  char text[256];
  JsonWriter json(text, sizeof text);
  json.begin_object().key("device_id").text(device_id_);
  json.key("state").text(state_ == State::kInstalled ? "installing" : "failed");
  if (state_ == State::kFailed) json.key("error").text(error_);
  json.end_object();
  MemoryBody body(text, static_cast<uint32_t>(json.length()));
  char heard[256];
  TextSink sink(heard, sizeof heard);
  const Answer answer = http_.exchange({"POST", "/api/esp32/firmware/progress", "application/json", &body, nullptr}, sink);
  is_told_ = answer.status == 200 || answer.status == 404 || answer.status == 409 || answer.status == 422;
  next_us_ = is_told_ ? 0 : clock_.uptime_us() + backoff_.failed(answer.retry_after_ms) * 1000ull;
}

void Update::download() {
  const uint32_t before = received_;
  char range[40];
  std::snprintf(range, sizeof range, "Range: bytes=%" PRIu32 "-\r\n", received_);
  const Answer answer = http_.exchange({"GET", manifest_.path, nullptr, nullptr, range}, *this);
  if (received_ == manifest_.size || state_ == State::kFailed) return;
  failures_ = received_ > before ? 0 : failures_ + 1;
  if (failures_ == kMostFailures) {
    fail("the image does not come");
    return;
  }
  if (received_ > before) backoff_.succeeded();
  next_us_ = clock_.uptime_us() + backoff_.failed(answer.retry_after_ms) * 1000ull;
}

// Only the piece that was asked for; a server that does not know ranges sends all of it, which is right at the start.
bool Update::accept(const Answer& answer) {
  return (answer.status == 206 && answer.range_start == received_) || (answer.status == 200 && received_ == 0);
}

bool Update::take(const uint8_t* data, size_t length) {
  if (length > manifest_.size - received_) length = manifest_.size - received_;
  if (!slot_.write(received_, data, static_cast<uint32_t>(length))) return fail("the flash cannot be written");
  received_ += static_cast<uint32_t>(length);
  return true;
}

// Of the image as it lies in flash, not as it came.
bool Update::digest_fits() {
  Sha256 hash;
  uint8_t piece[512];
  for (uint32_t offset = 0; offset < manifest_.size;) {
    const uint32_t left = manifest_.size - offset;
    const uint32_t length = left < sizeof piece ? left : static_cast<uint32_t>(sizeof piece);
    if (!slot_.read(offset, piece, length)) return false;
    hash.update(piece, length);
    offset += length;
  }
  uint8_t digest[Sha256::kSize];
  hash.finish(digest);
  return std::memcmp(digest, manifest_.sha256, sizeof digest) == 0;
}

void Trial::step(bool has_proven_itself) {
  if (!slot_.is_on_trial()) return;
  if (has_proven_itself) {
    slot_.keep();
  } else if (clock_.uptime_us() > kLongestUs) {
    slot_.roll_back();
  }
}

}  // namespace signalcraft
