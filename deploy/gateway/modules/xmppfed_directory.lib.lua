-- A directory of files that Kubernetes replaces while the process runs.

local lfs = require "lfs";

-- Names of the files in one order, and a text that is another one when any of them may be another than before. Raises an
-- error where the directory cannot be read. lfs follows symbolic links, which is what Kubernetes swaps.
local function list(directory)
	local names, stamps = {}, {};
	for name in lfs.dir(directory) do
		if name:sub(1, 1) ~= "." then
			local a = lfs.attributes(directory.."/"..name);
			table.insert(names, name);
			table.insert(stamps, a and ("%s %d %d %d %d"):format(name, a.ino, a.size, a.modification, a.change) or name);
		end
	end
	table.sort(names);
	table.sort(stamps);
	return names, table.concat(stamps, "\n");
end

-- The content of a file; nil where it cannot be read
local function read(directory, name)
	local file = io.open(directory.."/"..name, "rb");
	local text = file and file:read("*a");
	if file then file:close(); end
	return text;
end

return { list = list, read = read };
