import type { XmppFederation } from "../api/xmpp-federation.ts";
import { platformRoomWarnings } from "./peer-security.ts";
import type { Problem } from "./problem.ts";

/** What does not work in chat rooms however it is set: limits of peers' platforms (R3), and of email addresses (R13). */
export function roomWarnings(spec: Pick<XmppFederation["spec"], "peers" | "emailAddresses">): readonly Problem[] {
	return [...platformRoomWarnings(spec), ...(spec.emailAddresses ? [namesInSharedRooms] : [])];
}

/** What several clusters exchange by their chat service's own way passes no router. */
const namesInSharedRooms: Problem = {
	reason: "RoomsLimited",
	field: "spec.emailAddresses",
	message:
		"temporary and persistent rooms that several clusters share, other than by their federations, show peers the users' own " +
		"names in place of email addresses",
};
