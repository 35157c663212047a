-- Runs scripts as Argo CD does (its util/lua): `obj` and `actionParams` are globals, and of Lua's libraries there are only
-- base, table, os.time and os.date. Argument: a file that returns a script and what to call it with, call by call. Prints
-- one line of JSON for each.
local script, calls = dofile(arg[1])
local format, gsub, byte = string.format, string.gsub, string.byte
local concat = table.concat

-- Argo CD does not load the string library, so that strings have no methods.
getmetatable("").__index = nil

local function environment(call)
	local env = { obj = call.obj, actionParams = call.parameters }
	for _, name in ipairs { "assert", "error", "ipairs", "next", "pairs", "pcall", "select", "tonumber", "tostring", "type", "unpack" } do
		env[name] = _G[name]
	end
	env.table = { insert = table.insert, concat = table.concat, remove = table.remove, sort = table.sort }
	env._G = env
	function env.require(name)
		assert(name == "os", "no such module")
		return { time = os.time, date = os.date }
	end
	return env
end

-- As layeh.com/gopher-json: an empty table is a list.
local function encode(value)
	if type(value) == "string" then
		local escaped = gsub(value, '[%c"\\]', function(character) return format("\\u%04x", byte(character)) end)
		return '"' .. escaped .. '"'
	end
	if type(value) ~= "table" then return tostring(value) end
	local parts = {}
	if next(value) == nil or value[1] ~= nil then
		for _, item in ipairs(value) do parts[#parts + 1] = encode(item) end
		return "[" .. concat(parts, ",") .. "]"
	end
	for key, item in pairs(value) do parts[#parts + 1] = encode(key) .. ":" .. encode(item) end
	return "{" .. concat(parts, ",") .. "}"
end

local chunk = assert(loadstring(script, "script"))
for _, call in ipairs(calls) do
	local good, result = pcall(setfenv(chunk, environment(call)))
	print(encode { good = good, result = result })
end
