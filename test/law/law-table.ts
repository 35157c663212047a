import { table } from "../../src/api/reference.ts";
import { everySituation, law, outcomes, situations } from "./law.ts";

/** The law as `docs/security.md` shows it. */
export function lawTable(): string {
	return table(
		[
			"mode",
			"peerCertificates",
			"saslExternal",
			"dialback",
			...everySituation.map((each) => `the peer ${situations[each]}`),
		],
		law.map(({ mode, certificates, sasl, dialback, cells }) => [
			mode,
			certificates,
			sasl,
			dialback,
			...everySituation.map((situation) => outcomes[cells[situation]]),
		]),
	);
}
