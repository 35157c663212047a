import { defaults } from "../api/defaults.ts";
import type { XmppFederation } from "../api/xmpp-federation.ts";
import type { NodeIntent } from "./intent.ts";

/** `spec.limits` in a node's intent: what is not as it is by default. */
export function limitsOf({
	incomingStreams,
	outgoingStreams,
	...others
}: NonNullable<XmppFederation["spec"]["limits"]>): Pick<NodeIntent, "streams" | "limits"> {
	const streams = changed({ incomingStreams, outgoingStreams });
	const limits = changed(others);
	return { ...(streams && { streams }), ...(limits && { limits }) };
}

const byDefault = new Map<string, number>(Object.entries(defaults.limits));

/** The values that differ from their defaults; undefined where none does. */
function changed(values: Readonly<Record<string, number | undefined>>): Record<string, number> | undefined {
	const entries = Object.entries(values).flatMap(([name, value]): [string, number][] =>
		value === undefined || value === byDefault.get(name) ? [] : [[name, value]],
	);
	return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
