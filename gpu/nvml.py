# SPDX-License-Identifier: Apache-2.0
"""What the driver itself says of a device: asked from outside any session, past gpuslice."""
import ctypes


class NoGpu(Exception):
    """There is no device to ask, in words."""


class _Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


class Device:
    """One device by NVML's index, which is nvidia-smi's."""

    def __init__(self, index, library="libnvidia-ml.so.1"):
        try:
            self._nvml = ctypes.CDLL(library)
        except OSError as e:
            raise NoGpu(f"no NVIDIA driver here: {e}") from e
        self._handle = ctypes.c_void_p()
        self._must("nvmlInit_v2")
        self._must("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(self._handle))
        self.name = self._text("nvmlDeviceGetName", self._handle)
        self.uuid = self._text("nvmlDeviceGetUUID", self._handle)
        self.driver = self._text("nvmlSystemGetDriverVersion")

    def _must(self, call, *arguments):
        code = getattr(self._nvml, call)(*arguments)
        if code != 0:
            raise NoGpu(f"{call} answers {code}")

    def _text(self, call, *arguments):
        text = ctypes.create_string_buffer(96)
        self._must(call, *arguments, text, ctypes.c_uint(len(text)))
        return text.value.decode()

    def memory(self):
        """Bytes (total, used) of the whole device: contexts and other people's programs included."""
        memory = _Memory()
        self._must("nvmlDeviceGetMemoryInfo", self._handle, ctypes.byref(memory))
        return memory.total, memory.used
