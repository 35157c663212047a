import { randomBytes } from "node:crypto";
import type { generatedKeys } from "../objects/generated-secrets.ts";

/** 256 bits each: none can be found by trying. */
const bytes = 32;

/** A dialback or link secret, base64. It is hexadecimal text: Prosody reads text. */
export function makeTextSecret(): string {
	return Buffer.from(randomBytes(bytes).toString("hex")).toString("base64");
}

/** Values of a federation's generated Secret. */
export function makeGeneratedValues(): Record<keyof typeof generatedKeys, string> {
	return { dialback: makeTextSecret(), link: makeTextSecret(), digestKey: randomBytes(bytes).toString("base64") };
}
