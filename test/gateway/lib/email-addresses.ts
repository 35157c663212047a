import { createHash } from "node:crypto";
import { emailAddressFiles } from "../../../src/gateway/layout.ts";
import { waitFor } from "../../lib/xmpp/wait.ts";
import type { GatewayNode } from "./gateway-node.ts";

/** Bare JIDs of users and their email addresses. */
export type Mapping = Readonly<Record<string, string>>;

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** The files of a mapping. @param perFile mappings in each but the last */
export function mappingFiles(mapping: Mapping, perFile = 2): Readonly<Record<string, string>> {
	const lines = Object.entries(mapping)
		.toSorted(([a], [b]) => (a < b ? -1 : 1))
		.map(([user, address]) => `${user} ${address}\n`);
	const texts = Array.from({ length: Math.ceil(lines.length / perFile) }, (_, place) =>
		lines.slice(place * perFile, (place + 1) * perFile).join(""),
	);
	const index = { digests: texts.map(sha256), mappings: lines.length };
	return {
		[emailAddressFiles.index]: JSON.stringify(index),
		...Object.fromEntries(texts.map((text, place) => [emailAddressFiles.place(place), text])),
	};
}

/** Gives a node a mapping while it runs, and waits until its router has it in force. */
export async function applyMapping(node: GatewayNode, mapping: Mapping, perFile?: number): Promise<void> {
	const files = mappingFiles(mapping, perFile);
	await node.mountEmailAddresses(files);
	await waitFor("the mapping to be in force", async () => {
		const { emailAddresses } = await node.inForce("router");
		const digest = sha256(files[emailAddressFiles.index] ?? "").slice(0, 10);
		if (emailAddresses?.digest !== digest || emailAddresses.failure) throw new Error(JSON.stringify(emailAddresses));
		return true;
	});
}
