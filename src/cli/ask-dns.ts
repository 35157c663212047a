import { type Ask, dnsAsker } from "../dns/asker.ts";
import { UsageError } from "./failure.ts";

/** Asks the server of `--server`, by default those of this machine. */
export function askServer(command: string, server: string | undefined): Ask {
	try {
		return dnsAsker(server === undefined ? [] : [server]);
	} catch {
		throw new UsageError(`--server takes an address such as 192.0.2.53, not ${JSON.stringify(server)}`, command);
	}
}
