import { z } from "zod";
import { defaults } from "./defaults.ts";
import { host, port } from "./names.ts";

/** An internal server, as nodes reach it. */
export const upstream = z.object({
	host: host.meta({ description: "Host name or IP address. Names of Services in the cluster are allowed." }),
	port: port
		.meta({ description: "Port for server-to-server connections.", defaultsTo: defaults.upstreamPort })
		.exactOptional(),
});
