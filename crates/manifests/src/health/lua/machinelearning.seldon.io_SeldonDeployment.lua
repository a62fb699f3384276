-- Seldon Core 1. Its status holds no generation that could be compared.

local function text(value)
  if type(value) == "string" then return value end
  return ""
end

local status = type(obj.status) == "table" and obj.status or {}
local state = text(status.state)

local function health(as, message)
  if text(status.description) ~= "" then message = message .. ": " .. status.description end
  return { status = as, message = message }
end

if state == "" then return health("Progressing", "no state yet") end
if state == "Available" then return health("Healthy", "available") end
if state == "Creating" then return health("Progressing", "being created") end
if state == "Failed" then return health("Degraded", "failed") end
return health("Unknown", "a state that is not known, " .. state)
