import { expect, test } from "vitest";
import { describeProblems, type Problem } from "../../../src/model/problem.ts";

const problem = (field: string, message: string): Problem => ({ reason: "InvalidSpec", field, message });

test("problems stand in one line: after a sentence the next begins, others are set apart by semicolons", () => {
	const problems = [
		problem("spec.a", "does not exist. Create it."),
		problem("", "something is missing"),
		problem("spec.b", "is wrong"),
	];
	expect(describeProblems(problems)).toBe("spec.a: does not exist. Create it. something is missing; spec.b: is wrong");
});
