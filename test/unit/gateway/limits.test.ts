import { expect, test } from "vitest";
import { defaults } from "../../../src/api/defaults.ts";
import { limitDefaults } from "../../../src/gateway/limits.ts";
import { settingsFiles } from "../../../src/gateway/settings.ts";
import { node } from "./node.ts";

const fileOf = (limits: Readonly<Record<string, number>>) => {
	const text = settingsFiles({ ...node, limits })["limits.json"];
	return text === undefined ? undefined : (JSON.parse(text) as unknown);
};

test("a node without limits of its own has no setting of them", () => {
	expect(settingsFiles(node)).not.toHaveProperty("limits.json");
});

test("each process is told the limits that are its own: a router has no peers", () => {
	expect(fileOf({ stanzasPerSecond: 5 })).toEqual({ federation: { stanzasPerSecond: 5 } });
	expect(fileOf({ stanzaBytes: 10_000, idleSeconds: 60 })).toEqual({
		federation: { stanzaBytes: 10_000, idleSeconds: 60 },
		router: { stanzaBytes: 10_000 },
	});
});

test("what a process holds to without a setting: the defaults, and the streams that its memory is for", () => {
	const streams = { incomingStreams: 4_000 };
	expect(limitDefaults({ streams }, "federation")).toEqual({ ...defaults.limits, ...streams });
	expect(limitDefaults({ streams }, "router")).toEqual({
		stanzaBytes: defaults.limits.stanzaBytes,
		incomingStreams: 4_000,
		outgoingStreams: defaults.limits.outgoingStreams,
		unauthenticatedStreams: 1_000,
		unauthenticatedStreamsPerAddress: 1_000,
		handshakeSeconds: 30,
	});
});
