/* The page at /api/docs: one Swagger UI for the documents of both tiers. */

const { SwaggerUIBundle, SwaggerUIStandalonePreset } = /** @type {any} */ (window);

SwaggerUIBundle({
  dom_id: "#swagger-ui",
  urls: [
    { url: "/api/openapi/gateway.json", name: "People (gateway)" },
    { url: "/api/openapi/api.json", name: "Machines (api)" },
  ],
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  // The default logo carries inline styles, which the content security policy refuses.
  plugins: [() => ({ components: { Logo: () => null } })],
  layout: "StandaloneLayout",
  deepLinking: true,
  // The default asks a public validator on the internet about every document.
  validatorUrl: null,
  // Calls tried out here are the signed-in person's own: the gateway wants this header on state changes.
  /** @param {{headers: Record<string, string>}} request */
  requestInterceptor: (request) => {
    request.headers["X-Requested-With"] = "signalcraft";
    return request;
  },
});
