-- Seldon Core 2. An error of the scheduler stands under ModelReady, which an Experiment has for nothing else.

local function text(value)
  if type(value) == "string" then return value end
  return ""
end

local status = type(obj.status) == "table" and obj.status or {}
local conditions = type(status.conditions) == "table" and status.conditions or {}

local function condition(name)
  for _, entry in pairs(conditions) do
    if type(entry) == "table" and entry.type == name then return entry end
  end
  return {}
end

local function health(as, message, from)
  for _, more in ipairs({ text(from and from.reason), text(from and from.message) }) do
    if more ~= "" then message = message .. ": " .. more end
  end
  return { status = as, message = message }
end

if condition("Ready").status == "True" then return health("Healthy", "ready") end
local failed = condition("ModelReady")
if failed.status == "False" then return health("Degraded", "refused by the scheduler", failed) end
for _, name in ipairs({ "CandidatesReady", "MirrorReady", "ExperimentReady" }) do
  local entry = condition(name)
  if entry.status == "False" then return health("Progressing", "not ready", entry) end
end
return health("Progressing", "not started yet")
