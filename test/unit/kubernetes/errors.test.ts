import { expect, test } from "vitest";
import {
	ApiError,
	ApiUnreachableError,
	isAlreadyExists,
	isConflict,
	isNotFound,
} from "../../../src/kubernetes/errors.ts";

const call = { verb: "create", resource: "secrets", namespace: "ns", name: "dialback" } as const;

test("a Status body gives reason, message and details", () => {
	const error = new ApiError(call, 409, {
		kind: "Status",
		reason: "AlreadyExists",
		message: 'secrets "dialback" already exists',
		details: { name: "dialback", kind: "secrets" },
		code: 409,
	});
	expect(error.message).toBe('create secrets ns/dialback: 409 AlreadyExists: secrets "dialback" already exists');
	expect(error.details.name).toBe("dialback");
	expect([isAlreadyExists(error), isConflict(error), isNotFound(error), error.isGone]).toEqual([
		true,
		false,
		false,
		false,
	]);
});

test("a body that is no Status is shown in part", () => {
	const error = new ApiError(call, 404, "404 page not found\n".repeat(1000));
	expect(error.reason).toBe("Unknown");
	expect(error.message.length).toBeLessThan(700);
	expect(new ApiError(call, 502, undefined).message).toContain("no message");
});

test("the Retry-After header counts where the body says nothing", () => {
	expect(new ApiError(call, 429, "", 3).details.retryAfterSeconds).toBe(3);
	expect(new ApiError(call, 429, { details: { retryAfterSeconds: 7 } }, 3).details.retryAfterSeconds).toBe(7);
});

test("an error of the connection shows the cause at the bottom", () => {
	const refused = new Error("connect ECONNREFUSED 127.0.0.1:6443");
	const nested = new TypeError("fetch failed", { cause: new AggregateError([refused]) });
	expect(new ApiUnreachableError(call, nested).message).toBe(
		"create secrets ns/dialback: no answer from the API server: connect ECONNREFUSED 127.0.0.1:6443",
	);
});
