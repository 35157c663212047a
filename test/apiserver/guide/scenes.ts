import { aliases } from "./aliases.ts";
import { certificates } from "./certificates.ts";
import { edge } from "./edge.ts";
import { emailAddresses } from "./email-addresses.ts";
import { kubectl } from "./kubectl.ts";
import { policy } from "./policy.ts";
import type { Pages, Scene } from "./scene.ts";

export const scenes: readonly {
	/** Pages whose commands are run in it. */
	readonly paths: readonly string[];
	readonly setUp: (pages: Pages) => Promise<Scene>;
}[] = [
	{ paths: ["docs/kubectl.md"], setUp: kubectl },
	{ paths: ["docs/certificates.md"], setUp: certificates },
	{ paths: ["docs/policy.md"], setUp: policy },
	{ paths: ["docs/aliases.md"], setUp: aliases },
	{ paths: ["docs/dns.md", "docs/firewall.md"], setUp: edge },
	{ paths: ["docs/email-addresses.md"], setUp: emailAddresses },
];
