import { expect, test } from "vitest";
import { explain } from "../../../src/cli/failure.ts";
import { ApiError } from "../../../src/kubernetes/errors.ts";

const call = { verb: "patch", resource: "xmppfederations", namespace: "chat", name: "example" } as const;

/** What an API server answers to a patch that it refuses. */
function refusal(field: string, message: string): ApiError {
	const details = { kind: "XmppFederation", causes: [{ reason: "FieldValueInvalid", field, message }] };
	return new ApiError(call, 422, { kind: "Status", reason: "Invalid", message: "is invalid", details });
}

test("of a patch with a field that is not known the field is told, not the whole object", () => {
	const object = JSON.stringify({ spec: { upstraem: { host: "xmpp.chat.svc" } }, status: {} });
	const error = refusal(
		"patch",
		`Invalid value: ${JSON.stringify(object)}: strict decoding error: unknown field "spec.upstraem"`,
	);
	expect(explain(error)).toBe('the API server refuses xmppfederations chat/example:\n  unknown field "spec.upstraem"');
});

test("of a rule that is broken the field and its value are told", () => {
	const error = refusal("spec.domain", 'Invalid value: "other.lab": cannot be changed');
	expect(explain(error)).toBe(
		'the API server refuses xmppfederations chat/example:\n  spec.domain: Invalid value: "other.lab": cannot be changed',
	);
});
