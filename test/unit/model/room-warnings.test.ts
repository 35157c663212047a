import { expect, test } from "vitest";
import { roomWarnings } from "../../../src/model/room-warnings.ts";

test("rooms are limited by some platforms of peers (R3), and by email addresses (R13)", () => {
	const emailAddresses = { mappingRefs: [{ configMapRef: { name: "people" } }] };
	const peers = [
		{ domain: "webex.example", platform: "WebexConnect" },
		{ domain: "talk.example", platform: "GoogleTalk" },
	] as const;
	const told = (spec: Parameters<typeof roomWarnings>[0]) =>
		roomWarnings(spec).map(({ reason, field }) => `${reason} ${field}`);
	expect(told({})).toEqual([]);
	expect(told({ peers: [...peers] })).toEqual(["PlatformLimited spec.peers[webex.example].platform"]);
	expect(told({ peers: [...peers], emailAddresses })).toEqual([
		"PlatformLimited spec.peers[webex.example].platform",
		"RoomsLimited spec.emailAddresses",
	]);
});
