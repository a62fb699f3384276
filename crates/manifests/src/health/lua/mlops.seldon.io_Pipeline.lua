-- Seldon Core 2. The operator passes over reports on older generations of the pipeline.

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

-- The state of the scheduler is the message or the reason, as the release of the operator has it.
local function has_failed(entry)
  for _, state in ipairs({ "PipelineFailed", "PipelineFailedTerminating" }) do
    if entry.reason == state or entry.message == state then return true end
  end
  return false
end

if condition("Ready").status == "True" then return health("Healthy", "ready") end
local waits_for
for _, name in ipairs({ "PipelineReady", "PipelineGwReady", "ModelsReady" }) do
  local entry = condition(name)
  if entry.status == "False" then
    if has_failed(entry) then return health("Degraded", "failed", entry) end
    waits_for = waits_for or entry
  end
end
return health("Progressing", "not ready", waits_for)
