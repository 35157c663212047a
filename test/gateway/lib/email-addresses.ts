import { mappingDigest, mappingFiles } from "../../../src/gateway/email-address-files.ts";
import { emailAddressFiles } from "../../../src/gateway/layout.ts";
import { waitFor } from "../../lib/xmpp/wait.ts";
import type { GatewayNode } from "./gateway-node.ts";

/** Bare JIDs of users and their email addresses. */
export type Addresses = Readonly<Record<string, string>>;

/** What the operator makes of a mapping, as files by name. */
export function filesOf(addresses: Addresses): Readonly<Record<string, string>> {
	const made = mappingFiles(new Map(Object.entries(addresses)));
	if (!made) throw new Error("the mapping is too long");
	return {
		[emailAddressFiles.index]: made.index,
		...Object.fromEntries(made.files.map((text, place) => [emailAddressFiles.place(place), text])),
	};
}

/** Gives a node a mapping while it runs, and waits until its router has it in force. */
export async function applyMapping(node: GatewayNode, addresses: Addresses): Promise<void> {
	const files = filesOf(addresses);
	const digest = mappingDigest(files[emailAddressFiles.index] ?? "");
	await node.mountEmailAddresses(files);
	await waitFor("the mapping to be in force", async () => {
		const { emailAddresses } = await node.inForce("router");
		if (emailAddresses?.digest !== digest || emailAddresses.failure) throw new Error(JSON.stringify(emailAddresses));
		return true;
	});
}
