/* Going to another page of the app. */

/**
 * @param {string} address path with query, of this site
 */
export function go(address) {
  history.pushState(null, "", address);
  dispatchEvent(new PopStateEvent("popstate"));
}

/** The secret of a link in a mail. It stands behind the `#`, which browsers send to nobody. */
export function linkToken() {
  return location.hash.slice(1);
}

/** Takes a used secret out of the address, and so out of the browser's history. */
export function forgetLinkToken() {
  history.replaceState(null, "", location.pathname);
}
