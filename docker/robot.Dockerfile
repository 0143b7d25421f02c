# The robot PC: ROS 2 Jazzy, drivers of arms and cameras, command gate, and tools to record and to
# look at buses. Build context: the repository.
FROM ros:jazzy-ros-base

RUN apt-get update && apt-get install -y --no-install-recommends \
        can-utils cmake ethtool g++ git iproute2 libegl-mesa0 libegl1 libgl1 libgl1-mesa-dri \
        libusb-1.0-0 make procps python3-dev python3-venv ros-jazzy-rmw-fastrtps-cpp \
        ros-jazzy-rosbag2-storage-mcap usbutils \
    && rm -rf /var/lib/apt/lists/*

SHELL ["/bin/bash", "-c"]
WORKDIR /vega
COPY . .
RUN source /opt/ros/jazzy/setup.bash && make setup

ENTRYPOINT ["/vega/docker/enter.sh"]
CMD ["ros2", "launch", "vega_bringup", "robot.launch.py", "robot:=real", "manager:=false"]
