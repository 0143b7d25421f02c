"""The Piper arms: a driver over the vendor's SDK, one process a CAN bus, and an emulator.

`frames` lists the frames of the protocol, `protocol` makes bytes of them and sentences of codes;
`buses`, `sdk_adapter` and `sdk_port` connect the SDK to a CAN bus; `driver` is the driver without
ROS and `arm_node` its node; `emulator` stands in for the arms.
"""
