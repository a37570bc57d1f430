//! Where tensors lie and are computed, chosen when the program runs.

use std::fmt;
use std::str::FromStr;

use burn::backend::DispatchDevice;
use burn::tensor::Device;

/// A kind of device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceKind {
    /// The processor; always there.
    #[default]
    Cpu,
    /// An NVIDIA GPU through CUDA (cargo feature `cuda`).
    Cuda,
    /// Any GPU through Vulkan or Metal (cargo feature `wgpu`).
    Wgpu,
}

/// A device that this program was built without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this program was built without {0}; build it with `cargo build --release --features {0}`")]
pub struct UnavailableDevice(DeviceKind);

/// Devices that train together, as they are typed: `cpu`, `wgpu`, or `wgpu:0,wgpu:1`.
///
/// A GPU without a number is the one that the system prefers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceNames {
    kind: DeviceKind,
    /// None for the one that the system prefers.
    numbers: Vec<usize>,
}

/// A text that names no devices that could train together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDevices {
    /// There is none of this name.
    #[error(transparent)]
    Unknown(#[from] UnknownDevice),
    /// There is no number where one is expected.
    #[error("{found:?} has no number after the colon, such as in wgpu:1")]
    NoNumber {
        /// The text.
        found: String,
    },
    /// The processor is named with a number, or with others.
    #[error(
        "the CPU is one device with all its cores, but {found:?} asks for another or for several; write \
         cpu, with --threads for fewer cores, or name GPUs: wgpu:0,wgpu:1"
    )]
    OneProcessor {
        /// The text.
        found: String,
    },
    /// They cannot work together.
    #[error("{found:?} must name devices of one kind, each once and by its number: wgpu:0,wgpu:1")]
    NotTogether {
        /// The text.
        found: String,
    },
}

/// A text that names no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no device {found:?}, but cpu, cuda and wgpu")]
pub struct UnknownDevice {
    found: String,
}

impl DeviceKind {
    /// Opens the device.
    ///
    /// # Errors
    ///
    /// Fails if the program was built without it.
    pub fn open(self) -> Result<Device, UnavailableDevice> {
        self.open_one(None)
    }

    /// Opens the device with this number; without one, that which the system prefers.
    #[cfg_attr(
        not(any(feature = "cuda", feature = "wgpu")),
        expect(unused_variables, reason = "only GPUs have numbers")
    )]
    fn open_one(self, number: Option<usize>) -> Result<Device, UnavailableDevice> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(number.unwrap_or(0))),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(number.map_or(
                burn::tensor::DeviceKind::DefaultDevice,
                burn::tensor::DeviceKind::DiscreteGpu,
            ))),
            #[cfg(not(all(feature = "cuda", feature = "wgpu")))]
            other => Err(UnavailableDevice(other)),
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
        })
    }
}

impl FromStr for DeviceKind {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "wgpu" => Ok(Self::Wgpu),
            other => Err(UnknownDevice { found: other.to_owned() }),
        }
    }
}

impl DeviceNames {
    /// Opens the devices, in their order.
    ///
    /// # Errors
    ///
    /// Fails if the program was built without this kind.
    pub fn open(&self) -> Result<Vec<Device>, UnavailableDevice> {
        if self.numbers.is_empty() {
            return Ok(vec![self.open_first()?]);
        }
        self.numbers.iter().map(|number| self.kind.open_one(Some(*number))).collect()
    }

    /// Opens the first of them, where the model lies.
    ///
    /// # Errors
    ///
    /// Fails if the program was built without this kind.
    pub fn open_first(&self) -> Result<Device, UnavailableDevice> {
        self.kind.open_one(self.numbers.first().copied())
    }
}

impl From<DeviceKind> for DeviceNames {
    fn from(kind: DeviceKind) -> Self {
        Self { kind, numbers: Vec::new() }
    }
}

impl fmt::Display for DeviceNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.numbers.is_empty() {
            return self.kind.fmt(f);
        }
        let names: Vec<String> =
            self.numbers.iter().map(|number| format!("{}:{number}", self.kind)).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for DeviceNames {
    type Err = InvalidDevices;

    fn from_str(text: &str) -> Result<Self, InvalidDevices> {
        let found = || text.to_owned();
        let mut names = Vec::new();
        for name in text.split(',').map(str::trim) {
            names.push(match name.split_once(':') {
                None => (name.parse::<DeviceKind>()?, None),
                Some((kind, number)) => {
                    let number = number.parse::<usize>();
                    let number = number.map_err(|_| InvalidDevices::NoNumber { found: found() })?;
                    (kind.parse()?, Some(number))
                }
            });
        }
        let (kind, first) = names[0];
        if names.len() == 1 && first.is_none() {
            return Ok(kind.into());
        }
        if names.iter().any(|(kind, _)| *kind == DeviceKind::Cpu) {
            return Err(InvalidDevices::OneProcessor { found: found() });
        }
        let numbers: Vec<usize> = names.iter().filter_map(|(_, number)| *number).collect();
        let mut different = numbers.clone();
        different.sort_unstable();
        different.dedup();
        let is_one_kind = names.iter().all(|(it, _)| *it == kind);
        if !is_one_kind || different.len() < names.len() {
            return Err(InvalidDevices::NotTogether { found: found() });
        }
        Ok(Self { kind, numbers })
    }
}

/// Whether tensors of a device lie in plain memory.
pub(crate) fn is_cpu(device: &Device) -> bool {
    matches!(device.clone().inner().as_dispatch(), DispatchDevice::Flex(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_their_text() {
        for kind in [DeviceKind::Cpu, DeviceKind::Cuda, DeviceKind::Wgpu] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("gpu".parse::<DeviceKind>().is_err());
    }

    #[test]
    fn devices_that_train_together_are_of_one_kind_and_different() {
        for text in ["cpu", "cuda", "wgpu", "wgpu:0,wgpu:1", "cuda:3"] {
            assert_eq!(text.parse::<DeviceNames>().unwrap().to_string(), text);
        }
        assert_eq!("cpu".parse::<DeviceNames>().unwrap().open().unwrap().len(), 1);
        let table = [
            ("gpu", "there is no device \"gpu\""),
            ("wgpu:", "has no number after the colon"),
            ("wgpu:0,", "there is no device \"\""),
            (
                "cpu,cpu",
                "the CPU is one device with all its cores, but \"cpu,cpu\" asks for another",
            ),
            ("cpu:1", "the CPU is one device"),
            ("wgpu:0,cuda:1", "must name devices of one kind, each once"),
            ("wgpu:1,wgpu:1", "must name devices of one kind, each once"),
            ("wgpu,wgpu", "must name devices of one kind, each once"),
        ];
        for (text, expected) in table {
            let message = text.parse::<DeviceNames>().unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    #[cfg(not(feature = "wgpu"))]
    fn several_devices_that_were_left_out_are_named() {
        let devices: DeviceNames = "wgpu:0,wgpu:1".parse().unwrap();
        let message = devices.open().unwrap_err().to_string();
        assert!(message.contains("--features wgpu"), "{message}");
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_device_that_was_left_out_is_named() {
        let message = DeviceKind::Cuda.open().unwrap_err().to_string();
        assert!(message.contains("--features cuda"), "{message}");
    }
}
