#pragma once

#include <cstdint>

namespace signalcraft {

constexpr uint32_t kDeviceIdLength = 16;  // with the zero at its end

// "SC-A1B2C3D4E5F6" from the MAC address: the same at each boot, and no other node's.
void device_id_of(const uint8_t mac[6], char id[kDeviceIdLength]);

}  // namespace signalcraft
