/** What `fault-reports.js` uses of the bundle; written by hand, the package's own types are thousands of lines. */

export interface Event {
  exception: {
    values: {
      type?: string;
      value?: string;
      stacktrace?: { frames?: { filename?: string; function?: string; lineno?: number; colno?: number }[] };
    }[];
  };
}

export interface Integration {
  name: string;
}

type Item = [{ type: string }, Event];

export class BrowserClient {
  constructor(options: {
    dsn: string;
    stackParser: unknown;
    integrations: Integration[];
    maxBreadcrumbs: number;
    sendClientReports: boolean;
    beforeSend: (event: Event, hint: { originalException?: unknown }) => Event | null;
    transport: () => { send(envelope: [object, Item[]]): Promise<object>; flush(): Promise<boolean> };
  });
  init(): void;
  captureException(error: unknown): string;
}

export const defaultStackParser: unknown;
export function dedupeIntegration(): Integration;
export function globalHandlersIntegration(): Integration;
export function linkedErrorsIntegration(options: { limit: number }): Integration;
export function getCurrentScope(): { setClient(client: BrowserClient): void };
