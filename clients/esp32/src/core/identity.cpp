#include "identity.h"

#include <cstdio>

namespace signalcraft {

void device_id_of(const uint8_t mac[6], char id[kDeviceIdLength]) {
  std::snprintf(id, kDeviceIdLength, "SC-%02X%02X%02X%02X%02X%02X", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

}  // namespace signalcraft
