// What the web app uses of Sentry's SDK; everything else stays out of the bundle.
export {
  BrowserClient,
  dedupeIntegration,
  defaultStackParser,
  getCurrentScope,
  globalHandlersIntegration,
  linkedErrorsIntegration,
} from "@sentry/browser";
