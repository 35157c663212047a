import { z } from "zod";
import { defaults } from "./defaults.ts";
import { mapBy } from "./lists.ts";
import { domainPattern } from "./names.ts";
import {
	type ChosenSecurity,
	dialbackFields,
	peerFallbacks,
	peerSecurityFields,
	withSecurityRules,
} from "./peer-security.ts";
import { type Platform, platformFacts, type SecurityField } from "./platforms.ts";
import { type Rule, ruled } from "./rules.ts";

const names = z.enum(["Generic", "WebexConnect", "IBMSametime", "GoogleTalk", "IMPresence", "CiscoUnifiedPresence7"]);

interface ChosenPeer {
	readonly platform?: Platform;
	readonly security?: ChosenSecurity;
}

const choices: Readonly<Record<SecurityField, (security: ChosenSecurity) => string | undefined>> = {
	mode: ({ mode }) => mode,
	peerCertificates: ({ peerCertificates }) => peerCertificates,
	"saslExternal.incoming": ({ saslExternal }) => saslExternal?.incoming,
	"saslExternal.outgoing": ({ saslExternal }) => saslExternal?.outgoing,
	"dialback.mode": ({ dialback }) => dialback?.mode,
};

/** What a platform refuses, as rules of a peer's entry (R2, R3). */
const platformRules = names.options.flatMap((name): Rule<ChosenPeer>[] => {
	const { refuses, unsupported } = platformFacts[name];
	const isOther = `!has(self.platform) || self.platform != '${name}'`;
	if (unsupported !== undefined) {
		return [{ cel: isOther, holds: ({ platform }) => platform !== name, message: unsupported, field: "platform" }];
	}
	return refuses.map(({ field, values, why }) => {
		const path = `self.security.${field}`;
		const parts = field.split(".").map((_, index, all) => `has(self.security.${all.slice(0, index + 1).join(".")})`);
		const list = values.map((value) => `'${value}'`).join(", ");
		return {
			cel: `${isOther} || !(has(self.security) && ${parts.join(" && ")} && ${path} in [${list}])`,
			holds: ({ platform, security = {} }) => platform !== name || !values.includes(choices[field](security) ?? ""),
			message: why,
			field: `security.${field}`,
		};
	});
});

const peer = ruled(
	z.object({
		domain: domainPattern.meta({
			description: "Domain of the peer, or *.DOMAIN for it and all its subdomains. In lower case.",
		}),
		platform: names
			.meta({
				description:
					"What the peer runs: sets what that platform needs, and refuses what it cannot do (docs/peers.md). " +
					"CiscoUnifiedPresence7 is refused.",
				defaultsTo: defaults.platform,
			})
			.exactOptional(),
		security: withSecurityRules(
			z.object({
				...peerSecurityFields(peerFallbacks),
				dialback: z
					.object(dialbackFields(peerFallbacks))
					.meta({ description: "Identification by DNS." })
					.exactOptional(),
			}),
		)
			.meta({ description: "Settings for this peer.", defaultsTo: "what the platform sets, else spec.security" })
			.exactOptional(),
	}),
	...platformRules,
);

/** `spec.peers`. */
export const peers = mapBy("domain", peer, { min: 0, max: 500, noun: "peer" });
