/* The first key of a node that was just claimed. */

import * as api from "../api.js";
import { t } from "../i18n.js";
import { showSecretInFront } from "./secret.js";

/** @param {string} deviceId */
export async function issueKey(deviceId) {
  const { secret } = await api.post(`/api/devices/${encodeURIComponent(deviceId)}/keys`);
  showSecretInFront(t("keys.secret", { id: deviceId }), secret, t("keys.secret_note"));
}
