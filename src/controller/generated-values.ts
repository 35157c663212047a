import { randomBytes } from "node:crypto";
import type { generatedKeys } from "../objects/generated-secrets.ts";

/** 256 bits each: none can be found by trying. */
const bytes = 32;

/** Values of a federation's generated Secret. The dialback and link secrets are hexadecimal text: Prosody reads text. */
export function makeGeneratedValues(): Record<keyof typeof generatedKeys, string> {
	const text = () => Buffer.from(randomBytes(bytes).toString("hex")).toString("base64");
	return { dialback: text(), link: text(), digestKey: randomBytes(bytes).toString("base64") };
}
